import { statSync } from 'node:fs';
import { findRuntime } from '../runc/runtime.ts';
import { nodeDir, onHost, runOnHost } from './host.ts';
import { realPathOnNode } from './root-owned.ts';

/**
 * Covers the node's runtime with the runtime wrapper (native/cover.c), once, however many migrations ask for it. An entry of the
 * folder `await` must stand before (native/await.c): without one the wrapper gives way at the next call.
 *
 * @throws Error when the runtime is not found, is covered by something that is not ours to share, or does not answer through the
 * wrapper; it is as it was then
 */
export async function coverRuntime(): Promise<Cover> {
  const runtime = await setCover('cover');
  return {
    get stands() {
      try {
        const [one, other] = [runtime, `${nodeDir}/wrapper`].map((path) => statSync(onHost(realPathOnNode(path) ?? path)));
        return one?.dev === other?.dev && one?.ino === other?.ino;
      } catch {
        return false;
      }
    },
  };
}

export interface Cover {
  /** Whether the wrapper is seen to lie over the runtime still: whoever is root on the node can take either away. */
  readonly stands: boolean;
}

/** Gives the runtime back, unless an entry still stands. */
export async function uncoverRuntime(): Promise<void> {
  await setCover('uncover');
}

/** @returns the runtime's path */
async function setCover(verb: 'cover' | 'uncover'): Promise<string> {
  const runtime = await findRuntime();
  const { code, stderr } = await runOnHost([`${nodeDir}/wrapper`, verb, runtime]);
  if (code !== 0) throw new Error(`cannot ${verb} ${runtime} on this node: ${stderr.trim() || `exit code ${code}`}`);
  return runtime;
}
