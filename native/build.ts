import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { must } from '../build/run.ts';

const folder = import.meta.dirname;
const flags = ['-static', '-O2', '-s', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
/** What the wrapper is made of, in this folder. */
export const wrapperSources = ['wrapper.c', 'identify.c'];
const programs = ['host-exec', 'noop', 'tar'];

export interface NativeBinaries {
  readonly wrapper: string;
  /** The agent's, to reach into the node. */
  readonly hostExec: string;
  readonly noop: string;
  /** For CRIU, in the place of tar. */
  readonly tar: string;
}

/** Compiles the static binaries that run on nodes, or takes them from the cache. @throws Error with the compiler's words */
export async function buildNative(): Promise<NativeBinaries> {
  const files = [...wrapperSources, 'wrapper.h', ...programs.map((name) => `${name}.c`)].map((name) => join(folder, name));
  const output = await cached('native', [...flags, ...(await contentsOf(files))], async (draft) => {
    await requirePackages(['musl-tools']);
    await must(['musl-gcc', ...flags, '-o', join(draft, 'wrapper'), ...wrapperSources], { cwd: folder });
    for (const name of programs) await must(['musl-gcc', ...flags, '-o', join(draft, name), `${name}.c`], { cwd: folder });
  });
  return { wrapper: join(output, 'wrapper'), hostExec: join(output, 'host-exec'), noop: join(output, 'noop'), tar: join(output, 'tar') };
}

/** The wrapper as nodes get it, but with another folder than theirs. */
export async function compileWrapper(output: string, nodeDir: string): Promise<void> {
  await requirePackages(['musl-tools']);
  await must(['musl-gcc', ...flags, `-DNODE_DIR="${nodeDir}"`, '-o', output, ...wrapperSources], { cwd: folder });
}
