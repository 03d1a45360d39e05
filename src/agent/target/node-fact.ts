import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { MigrationEnd } from '../end.ts';
import { HeldFiles } from './held-files.ts';

/** For keepers whose agent has died to decide, and to carry it out. */
const patienceMs = 40_000;

/**
 * Tells, in the message that a container leaves behind, how a migration stands on this node whose agent has died. What is to
 * become of what was restored is decided by then, or by its keepers, or as they would have when they are dead as well. What is
 * decided to run is let run before it is said to. Without the migration's folder this node knows nothing, and says so: it was started anew since, or somebody has taken
 * that away who knew more.
 */
export async function tellFact(
  migration: string,
  { calls }: MigrationEnd,
  isKnown = new HeldFiles(migration).isThere,
  path = '/dev/termination-log',
): Promise<void> {
  const deadline = performance.now() + scaled(patienceMs);
  for (;;) {
    const { state = 'silent' } = (isKnown ? await calls['target.state']?.(null) : undefined) ?? {};
    if (state !== 'silent' || !isKnown || performance.now() > deadline) return writeFileSync(path, JSON.stringify({ state }));
    await delay(500);
  }
}
