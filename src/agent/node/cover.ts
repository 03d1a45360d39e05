import { findRuntime } from '../runc/runtime.ts';
import { nodeDir, runOnHost } from './host.ts';

/**
 * Covers the node's runtime with the runtime wrapper (native/cover.c), once, however many migrations ask for it. An entry of the
 * folder `await` must stand before (native/await.c): without one the wrapper gives way at the next call.
 *
 * @throws Error when the runtime is not found, is covered by something that is not ours to share, or does not answer through the
 * wrapper; it is as it was then
 */
export async function coverRuntime(): Promise<void> {
  await setCover('cover');
}

/** Gives the runtime back, unless an entry still stands. */
export async function uncoverRuntime(): Promise<void> {
  await setCover('uncover');
}

async function setCover(verb: 'cover' | 'uncover'): Promise<void> {
  const runtime = await findRuntime();
  const { code, stderr } = await runOnHost([`${nodeDir}/wrapper`, verb, runtime]);
  if (code !== 0) throw new Error(`cannot ${verb} ${runtime} on this node: ${stderr.trim() || `exit code ${code}`}`);
}
