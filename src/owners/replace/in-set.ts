import { scaled } from '../../deadlines.ts';
import type { Pod } from '../../kube/types.ts';
import { replaceByName, type ByName } from './by-name.ts';
import type { Outcome, Replacement } from './outcome.ts';
import type { PodsAt } from './pods-at.ts';
import { SetGuard, type Guarding } from './set-guard.ts';

export interface InSet extends ByName, Guarding {
  /**
   * What may be done once ours is there and the owner has none instead. The owner's new pods are taken away until this has come
   * to its end: one that was late (an owner is held back in a storm) must not meet ours before that is ready.
   */
  readonly whileSettled?: (ours: Pod) => Promise<void>;
}

/** From our creation to the last new pod of a ReplicaSet that did come: 45 ms in 24 moves. */
const quietMs = 300;
const goneMs = 10_000;
const mostTimes = 3;

/**
 * As {@link replaceByName}, where the owner names its pods at random: what it makes instead is not in the way of ours, but one
 * too many, and the owner chooses who has to go.
 *
 * @throws KubeError when the server cannot be reached
 */
export async function replaceInSet(pods: PodsAt, what: Replacement, how: InSet): Promise<Outcome> {
  const guard = new SetGuard(pods, what, how);
  try {
    await pods.prepare(what.create.metadata.name);
    await guard.begin();
    // Beside a pod of the owner's that runs, ours would be the one that has to go.
    const before = guard.verdict();
    if (before) return before;
    const outcome = await untilSettled(pods, what, how, guard);
    if (outcome.end !== 'in place') return outcome;
    await how.whileSettled?.(outcome.ours);
    const removed = await guard.removed();
    return guard.verdict() ?? { ...outcome, removed: [...outcome.removed, ...removed] };
  } finally {
    await guard.end();
  }
}

/** An owner that was quicker with one of its own than that could be taken away may choose ours to go: then ours is made again. */
async function untilSettled(pods: PodsAt, what: Replacement, how: InSet, guard: SetGuard): Promise<Outcome> {
  for (let times = 1, old = what.old; ; times++) {
    const outcome = await replaceByName(pods, { ...what, old }, how);
    if (outcome.end === 'ours removed' && times < mostTimes) {
      old = outcome.ours.metadata.uid ?? '';
      continue;
    }
    if (outcome.end !== 'in place') return outcome;
    const instead = await guard.settled(outcome.ours, quietMs, scaled(goneMs));
    if (instead?.end !== 'ours removed' || times === mostTimes) return instead ?? outcome;
    old = instead.ours.metadata.uid ?? '';
  }
}
