import { steps } from './steps.ts';
import type { Underway } from './underway.ts';

/**
 * Takes back all that a migration has done, the last step first. Only when it is settled that the source is to run on; a step
 * that cannot be taken back keeps those before it as they are.
 *
 * @returns what could not be rolled back, with the reason; empty when all is as it was
 * @throws TakenOver when another command attends the migration
 */
export async function rollBack(underway: Underway): Promise<readonly string[]> {
  for (const { undo } of steps.toReversed()) {
    const failures = (await undo?.(underway)) ?? [];
    if (failures.length > 0) return failures;
  }
  return [];
}
