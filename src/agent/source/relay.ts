import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { scaled } from '../../deadlines.ts';
import { nodeDir, onNode, startOutlivingUs } from '../node/host.ts';
import type { Claim } from './claim.ts';

const startMs = 5_000;

/**
 * Starts the relay of a pod that has moved (native/relay.c), outside of the helper's cgroup and fate. Who comes to the pod's old address
 * waits there until {@link Claim.write} has told it where to.
 *
 * @param sandbox the runtime's ID of it
 * @returns how many sockets it took over; with none there is no relay, and nothing waits for one
 * @throws Error when it does not come up: then whoever comes is refused as soon as the old processes are ended
 */
export async function startRelay(claim: Claim, sandbox: string): Promise<number> {
  const child = startOutlivingUs([`${nodeDir}/relay`, onNode(claim.folder), sandbox]);
  child.stdin.end();
  const late = AbortSignal.timeout(scaled(startMs));
  const lines = createInterface(child.stdout);
  const exited = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the relay ended with ${code}`)));
  exited.catch(() => undefined);
  const [line] = (await Promise.race([once(lines, 'line', { signal: late }), exited]).catch((error: unknown) => {
    // One that came up later would keep the sandbox, and lead nobody on.
    child.kill('SIGKILL');
    throw error;
  })) as [string];
  const ready = /^ready (\d+)$/.exec(line);
  if (!ready && line !== 'busy') throw new Error(`the relay said ${JSON.stringify(line)}`);
  return Number(ready?.[1] ?? 1);
}
