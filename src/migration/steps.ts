import type { Move } from './plan.ts';
import type { Step } from './step.ts';
import { checkpoint } from './steps/checkpoint.ts';
import { cleanup } from './steps/cleanup.ts';
import { commit } from './steps/commit.ts';
import { cutover } from './steps/cutover/cutover.ts';
import { precopy } from './steps/precopy.ts';
import { prepare } from './steps/prepare.ts';
import { quiesce } from './steps/quiesce.ts';
import { restore } from './steps/restore.ts';
import { standby } from './steps/standby.ts';
import { removals, type Write } from './write.ts';

/** After the plan, in their order. */
export const steps: readonly Omit<Step<never, unknown>, 'run'>[] = [
  prepare,
  precopy,
  standby,
  quiesce,
  checkpoint,
  restore,
  commit,
  cutover,
  cleanup,
];

/** All that a migration changes in both clusters, in its order. */
export function writesOf(move: Move): Write[] {
  return steps.flatMap(({ writes }) => writes(move));
}

/** What it changes besides when it is rolled back. */
export function undoingWrites(move: Move): Write[] {
  return steps.filter(({ undo }) => undo).flatMap(({ writes }) => removals(writes(move)));
}
