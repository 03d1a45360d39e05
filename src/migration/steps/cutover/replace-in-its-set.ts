import { pathOf } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import type { Pod } from '../../../kube/types.ts';
import { canBeStranger, membershipPatch, selectorOf, strangerOf } from '../../../owners/membership.ts';
import { ownerText, type Owner } from '../../../owners/owner.ts';
import { replaceByName } from '../../../owners/replace/by-name.ts';
import { replaceInSet } from '../../../owners/replace/in-set.ts';
import { isOwnedBy, type Outcome } from '../../../owners/replace/outcome.ts';
import { PodsAt } from '../../../owners/replace/pods-at.ts';
import { releaseWorker } from '../../../owners/replace/worker.ts';
import { adopt } from './adopt.ts';
import { killSource } from './kill-source.ts';
import { howOf, replace, replacementOf, requireInPlace } from './replace.ts';
import { isReplacement, newcomersAmong, type Cutover, type CutoverTask } from './task.ts';

/**
 * As {@link replace}, where the owner makes another pod of another name, and may take ours away for having one too many: what it makes
 * is taken away until ours is joined with what runs at the peer. Where that comes too late, as the other one's programs run, ours is a
 * stranger to its owner until it is ready ({@link joinItsSet}).
 */
export const replaceInItsSet: CutoverTask = {
  name: 'replace the object, and join it with what runs at the peer',
  writes: (move) => [{ verb: 'patch', at: 'home', path: pathOf(move.pod) }, ...replace.writes(move), ...adopt.writes(move)],
  isDone: (seen, move) => replace.isDone(seen, move) && adopt.isDone(seen, move),
  run: async (cutover) => {
    const { move, home, pod, policy, seen, isGoing } = cutover;
    const { owner } = move;
    if (!owner) throw new Error('it has no owner');
    const pods = new PodsAt(home, pod.metadata.namespace ?? '', policy);
    const isStranger = canBeStranger(pod) && (owner.rule === 'replica-set' || isGoing);
    try {
      const isInTime = seen.current?.metadata.uid === move.pod.metadata.uid && !isGoing;
      const outcome = isInTime || !isStranger ? await inTime(cutover, owner, pods) : undefined;
      if (outcome && (!isStranger || !isTooLate(outcome))) return requireInPlace(outcome, cutover);
      await asStranger(cutover, owner, pods);
    } finally {
      pods.close();
    }
  },
  undone: replace.undone,
  // The owner may take away what a person makes, and what runs at the peer with it: the same command minds that.
  byHand: () => [],
};

function isTooLate({ end }: Outcome): boolean {
  return end === 'owner runs' || end === 'ours removed' || end === 'not in time';
}

async function inTime(cutover: Cutover, owner: Owner, pods: PodsAt): Promise<Outcome> {
  const { move, pod, policy } = cutover;
  const known = move.siblings && new Set(move.siblings);
  let isJoined = false;
  const how = {
    ...howOf(cutover),
    ...(owner.rule === 'job' ? { release: releaseWorker } : {}),
    ...(known ? { known } : {}),
    selector: selectorOf(pod),
    whileSettled: async () => {
      await join(cutover);
      isJoined = true;
    },
  };
  const outcome = await retry(async () => replaceInSet(pods, replacementOf(cutover), how), policy);
  // What runs at the peer hangs on that object now: another one in its place would be started from nothing.
  if (isJoined) requireInPlace(outcome, cutover);
  return outcome;
}

async function join(cutover: Cutover): Promise<void> {
  await killSource.run(cutover);
  await adopt.run(cutover);
}

/** Its owner neither counts the new object nor takes it away, whatever it has made in its place. */
async function asStranger(cutover: Cutover, owner: Owner, pods: PodsAt): Promise<void> {
  const { move, home, pod, policy } = cutover;
  const member = replacementOf(cutover);
  const create = strangerOf(member.create, owner);
  const there = await pods.get(pod.metadata.name);
  if (there && isReplacement(there, move) && there.metadata.deletionTimestamp === undefined)
    await retry(async () => home.patch(pods.path(pod.metadata.name), membershipPatch(there.metadata.uid, create), 'merge'), policy);
  else {
    // One that its owner wants to have gone stays where it is for ever, as nobody at the peer is its own yet: it goes at once.
    const old = there && isReplacement(there, move) ? (there.metadata.uid ?? '') : member.old;
    const isOurs = (one: Pod): boolean => isReplacement(one, move) && one.metadata.uid !== old;
    requireInPlace(await retry(async () => replaceByName(pods, { ...member, create, old, isOurs }, howOf(cutover)), policy), cutover);
  }
  await tellOfOthers(cutover, owner, pods);
  await join(cutover);
}

async function tellOfOthers(cutover: Cutover, owner: Owner, { collection }: PodsAt): Promise<void> {
  const { home, pod, policy, notes } = cutover;
  const { items } = await retry(async () => home.list<Pod>(collection, undefined, { labelSelector: selectorOf(pod) }), policy);
  for (const { metadata } of newcomersAmong(items, cutover).filter((one) => isOwnedBy(one, owner.uid)))
    notes.push(
      `${ownerText(owner, pod)} has started pod ${metadata.name} from nothing meanwhile: when it has the moved one again it has one too many, and takes the cheapest away`,
    );
}
