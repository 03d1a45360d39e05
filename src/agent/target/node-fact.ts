import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { MigrationEnd } from '../end.ts';

/** For keepers whose agent has died to decide, and to carry it out. */
const patienceMs = 40_000;

/**
 * Tells, in the message that a container leaves behind, how a migration stands on this node whose agent has died, and how long
 * the node is up: one that was started anew knows nothing of before. Decides nothing: what is to become of what was restored is
 * decided by then, or by its keepers. What is decided to run is let run before it is said to.
 */
export async function tellFact({ calls }: MigrationEnd, path = '/dev/termination-log'): Promise<void> {
  const deadline = performance.now() + scaled(patienceMs);
  for (;;) {
    const { state = 'silent' } = (await calls['target.state']?.(null)) ?? {};
    if (state !== 'silent' || performance.now() > deadline) {
      const uptimeSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
      return writeFileSync(path, JSON.stringify({ state, uptimeSeconds }));
    }
    await delay(500);
  }
}
