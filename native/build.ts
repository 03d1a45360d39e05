import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { must } from '../build/run.ts';

const folder = import.meta.dirname;
const flags = ['-static', '-O2', '-s', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
/** What the wrapper is made of, in this folder. */
export const wrapperSources = [
  'wrapper.c',
  'call.c',
  'create.c',
  'identify.c',
  'await.c',
  'cover.c',
  'held.c',
  'source.c',
  'decision.c',
  'keeper.c',
  'finish.c',
  'tree.c',
  'hook.c',
  'agent.c',
  'files.c',
  'freezer.c',
  'deadline.c',
];
/** What the source guard is made of. */
export const guardSources = ['guard.c', 'dumps.c', 'masks.c', 'freezer.c', 'deadline.c'];
/** What leads on those who come to a moved pod's old address is made of. */
export const relaySources = ['relay.c', 'freezer.c', 'deadline.c'];
/** What packs a tree of files is made of. */
export const packSources = ['pack-tree.c', 'walk.c', 'known.c'];
const headers = ['wrapper.h', 'held.h', 'keeper.h', 'tree.h', 'guard.h', 'freezer.h', 'deadline.h', 'walk.h', 'known.h'];
const programs = ['host-exec', 'noop', 'tar', 'unpack-tree'];

export interface NativeBinaries {
  readonly wrapper: string;
  readonly guard: string;
  readonly relay: string;
  /** The agent's, to reach into the node. */
  readonly hostExec: string;
  readonly noop: string;
  /** For CRIU, in the place of tar. */
  readonly tar: string;
  /** For trees of files, in their jail. */
  readonly packTree: string;
  readonly unpackTree: string;
}

/** Compiles the static binaries that run on nodes, or takes them from the cache. @throws Error with the compiler's words */
export async function buildNative(): Promise<NativeBinaries> {
  const sources = [...wrapperSources, ...guardSources, ...relaySources, ...packSources, ...programs.map((name) => `${name}.c`)];
  const files = [...sources, ...headers].map((name) => join(folder, name));
  const output = await cached('native', [...flags, ...(await contentsOf(files))], async (draft) => {
    await requirePackages(['musl-tools']);
    await must(['musl-gcc', ...flags, '-o', join(draft, 'wrapper'), ...wrapperSources], { cwd: folder });
    await must(['musl-gcc', ...flags, '-o', join(draft, 'guard'), ...guardSources], { cwd: folder });
    await must(['musl-gcc', ...flags, '-o', join(draft, 'relay'), ...relaySources], { cwd: folder });
    await must(['musl-gcc', ...flags, '-o', join(draft, 'pack-tree'), ...packSources], { cwd: folder });
    for (const name of programs) await must(['musl-gcc', ...flags, '-o', join(draft, name), `${name}.c`], { cwd: folder });
  });
  const names = ['wrapper', 'guard', 'relay', 'host-exec', 'noop', 'tar', 'pack-tree', 'unpack-tree'];
  const [wrapper, guard, relay, hostExec, noop, tar, packTree, unpackTree] = names.map((name) => join(output, name));
  return { wrapper, guard, relay, hostExec, noop, tar, packTree, unpackTree } as NativeBinaries;
}

/** The wrapper as nodes get it, but with other folders than theirs. */
export async function compileWrapper(output: string, folders: { readonly nodeDir: string; readonly runDir: string }): Promise<void> {
  await requirePackages(['musl-tools']);
  await must(['musl-gcc', ...flags, ...folderFlags(folders), '-o', output, ...wrapperSources], { cwd: folder });
}

/** For the compiler: a program's folders on a node, disk and tmpfs. */
export function folderFlags({ nodeDir, runDir }: { readonly nodeDir: string; readonly runDir: string }): string[] {
  return [`-DNODE_DIR="${nodeDir}"`, `-DRUN_DIR="${runDir}"`];
}
