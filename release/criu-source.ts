import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { criuSource, criuVersion } from '../criu/source.ts';
import { version } from '../src/version.ts';
import { writeArchive } from './archive.ts';

/**
 * Packs what the agent image's CRIU is made of, which its licence wants to be had where the program is: upstream's
 * tarball, our patches and how both become the program.
 *
 * @param output folder
 * @returns the archive's name and hash, hexadecimal
 */
export async function writeCriuSource(output: string): Promise<{ readonly file: string; readonly sha256: string }> {
  const { tarball, patches } = await criuSource();
  const own = ['README.md', 'build.ts', 'source.ts'].map((name) => join(import.meta.dirname, '../criu', name));
  const paths = [
    ...[tarball, ...own].map((path) => ({ path, name: basename(path) })),
    ...patches.map((path) => ({ path, name: `patches/${basename(path)}` })),
  ];
  const file = `kubectl-migrate-v${version}-criu-source.tar.gz`;
  const files = paths.map(async ({ path, name }) => ({ name: `criu-${criuVersion}/${name}`, content: await readFile(path) }));
  await writeArchive(join(output, file), await Promise.all(files));
  const sha256 = createHash('sha256')
    .update(await readFile(join(output, file)))
    .digest('hex');
  return { file, sha256 };
}
