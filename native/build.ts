import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { must } from '../build/run.ts';

const folder = import.meta.dirname;
const flags = ['-static', '-O2', '-s', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
/** What the wrapper is made of, in this folder. */
export const wrapperSources = ['wrapper.c', 'identify.c'];
/** What the source guard is made of. */
export const guardSources = ['guard.c', 'dumps.c', 'masks.c', 'freezer.c'];
const programs = ['host-exec', 'noop', 'tar'];

export interface NativeBinaries {
  readonly wrapper: string;
  readonly guard: string;
  /** The agent's, to reach into the node. */
  readonly hostExec: string;
  readonly noop: string;
  /** For CRIU, in the place of tar. */
  readonly tar: string;
}

/** Compiles the static binaries that run on nodes, or takes them from the cache. @throws Error with the compiler's words */
export async function buildNative(): Promise<NativeBinaries> {
  const files = [...wrapperSources, 'wrapper.h', ...guardSources, 'guard.h', 'freezer.h', ...programs.map((name) => `${name}.c`)].map(
    (name) => join(folder, name),
  );
  const output = await cached('native', [...flags, ...(await contentsOf(files))], async (draft) => {
    await requirePackages(['musl-tools']);
    await must(['musl-gcc', ...flags, '-o', join(draft, 'wrapper'), ...wrapperSources], { cwd: folder });
    await must(['musl-gcc', ...flags, '-o', join(draft, 'guard'), ...guardSources], { cwd: folder });
    for (const name of programs) await must(['musl-gcc', ...flags, '-o', join(draft, name), `${name}.c`], { cwd: folder });
  });
  const [wrapper, guard, hostExec, noop, tar] = ['wrapper', 'guard', 'host-exec', 'noop', 'tar'].map((name) => join(output, name));
  return { wrapper, guard, hostExec, noop, tar } as NativeBinaries;
}

/** The wrapper as nodes get it, but with another folder than theirs. */
export async function compileWrapper(output: string, nodeDir: string): Promise<void> {
  await requirePackages(['musl-tools']);
  await must(['musl-gcc', ...flags, `-DNODE_DIR="${nodeDir}"`, '-o', output, ...wrapperSources], { cwd: folder });
}
