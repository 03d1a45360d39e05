import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { must, run } from '../build/run.ts';

const loader = 'ld-linux-x86-64.so.2';

/**
 * Copies programs, with every library they need and their loader, into one folder from which they run on any node,
 * whatever the node has. The path of that folder is burnt in: as interpreter, and as DT_RPATH, which (other than
 * DT_RUNPATH) also holds for the libraries' own libraries.
 *
 * @param tree a Debian file tree; its own loader tells what a program needs, and finds it there
 * @param programs paths, in the tree or elsewhere
 * @param folder where `bin` and `lib` are made
 * @param prefix absolute path of that folder at run time
 * @returns the libraries that were copied, as paths inside the tree
 */
export async function copySelfContained(tree: string, programs: readonly string[], folder: string, prefix: string): Promise<string[]> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await mkdir(join(folder, 'lib'), { recursive: true });
  const libraries = new Set<string>();
  for (const program of programs) {
    const target = join(folder, 'bin', basename(program));
    await copyFile(program, target);
    for (const library of await librariesOf(tree, program)) libraries.add(library);
    await patch(target, prefix, true);
  }
  for (const library of libraries) {
    const target = join(folder, 'lib', basename(library));
    await copyFile(join(tree, library), target);
    if (basename(library) !== loader) await patch(target, prefix, false);
  }
  await copyFile(join(tree, 'lib64', loader), join(folder, 'lib', loader));
  await chmod(join(folder, 'lib', loader), 0o755);
  return [...libraries];
}

/** @throws Error when the tree lacks a library, or has one that is too old */
async function librariesOf(tree: string, program: string): Promise<string[]> {
  // The loader must be the tree's own, so the program goes there for the while.
  const scratch = await mkdtemp(join(tree, 'tmp/program-'));
  try {
    await copyFile(program, join(scratch, 'program'));
    const listing = await must(['chroot', tree, `/lib64/${loader}`, '--list', `/tmp/${basename(scratch)}/program`]);
    const missing = /\S+ => not found/.exec(listing);
    if (missing) throw new Error(`${basename(program)} needs a library that the tree lacks: ${missing[0]}`);
    return [...listing.matchAll(/=> (\/\S+)/g)].map((match) => match[1] ?? '');
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function patch(file: string, prefix: string, isProgram: boolean): Promise<void> {
  await chmod(file, 0o755);
  await run(['strip', '--strip-unneeded', file]);
  const interpreter = isProgram ? ['--set-interpreter', `${prefix}/lib/${loader}`] : [];
  await must(['patchelf', ...interpreter, '--force-rpath', '--set-rpath', `${prefix}/lib`, file]);
}
