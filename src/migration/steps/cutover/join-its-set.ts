import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../../deadlines.ts';
import { unlessNotFound } from '../../../kube/errors.ts';
import { pathOf, podsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import type { Pod } from '../../../kube/types.ts';
import { waitFor } from '../../../kube/wait.ts';
import { cheapPatch, costPatch, isMember, membershipPatch, selectorOf } from '../../../owners/membership.ts';
import { deletionCostAnnotation, highestCost, lastingCost } from '../../../owners/new-object.ts';
import type { Owner } from '../../../owners/owner.ts';
import { isOwnedBy } from '../../../owners/replace/outcome.ts';
import { isReady, isReplacement, newcomersAmong, requireReplacement, type Cutover, type CutoverTask } from './task.ts';

/** How long it may take to be ready after it runs. */
const readyMs = 120_000;
/** How long its owner may take to see that it has one too many; it looks at once when it hears of it. */
const settlesMs = 30_000;

/** Gives the new object back to its owner, when that did not have it, and makes it as dear to it as it is to stay. */
export const joinItsSet: CutoverTask = {
  name: 'give it back to its owner',
  writes: ({ pod }) => [{ verb: 'patch', at: 'home', path: pathOf(pod) }],
  isDone: ({ current }, move) =>
    current !== undefined &&
    isReplacement(current, move) &&
    move.owner !== undefined &&
    isMember(current, move.owner, move.pod) &&
    !isDear(current, move.pod),
  run: async (cutover) => {
    const { move, home, pod, policy, isGoing } = cutover;
    const { owner } = move;
    if (isGoing || !owner) return;
    const path = pathOf(pod);
    const current = await retry(async () => home.get<Pod>(path).catch(unlessNotFound), policy);
    requireReplacement(current, move);
    const { uid } = current.metadata;
    if (!isMember(current, owner, pod)) {
      await untilReady(cutover);
      const all = await siblings(cutover, owner);
      const before = all.length;
      // Alike, they are taken by how many of them a node has: so also the one that was moved before this one.
      for (const one of newcomersAmong(all, cutover))
        await retry(async () => home.patch(pathOf(one), cheapPatch(one), 'merge').catch(unlessNotFound), policy);
      await retry(async () => home.patch(path, membershipPatch(uid, pod), 'merge'), policy);
      await untilFewer(cutover, owner, before + 1);
    }
    if (isDear(current, pod)) await retry(async () => home.patch(path, costPatch(uid, lastingCost(pod)), 'json'), policy);
  },
  undone: () => 'it is not given back to its owner',
  byHand: ({ pod }) => {
    const { namespace, name } = pod.metadata;
    const cost = lastingCost(pod);
    const identity = JSON.stringify(membershipPatch(undefined, pod));
    return [
      `kubectl -n ${namespace} patch pod ${name} -p '${identity}' # when it is ready`,
      `kubectl -n ${namespace} annotate --overwrite pod ${name} ${deletionCostAnnotation}${cost === undefined ? '-' : `=${cost}`}`,
    ];
  },
};

/** Whether its owner takes every other pod first, as it is not to be for ever. */
function isDear({ metadata }: Pod, before: Pod): boolean {
  const cost = metadata.annotations?.[deletionCostAnnotation];
  return cost === highestCost && lastingCost(before) !== cost;
}

/** Of its pods an owner takes those first that are not ready. @throws MigrateError when it does not get ready */
async function untilReady({ home, move }: Cutover): Promise<void> {
  const { namespace = '', name } = move.pod.metadata;
  await waitFor<Pod>(
    home,
    {
      collection: podsIn(namespace),
      name,
      what: `pod ${namespace}/${name} to be ready`,
      deadlineMs: readyMs,
      isDone: (pod) => {
        requireReplacement(pod, move);
        return isReady(pod);
      },
    },
    new AbortController().signal,
  );
}

async function siblings({ home, pod, policy }: Cutover, owner: Owner): Promise<Pod[]> {
  const collection = podsIn(pod.metadata.namespace ?? '');
  const { items } = await retry(async () => home.list<Pod>(collection, undefined, { labelSelector: selectorOf(pod) }), policy);
  const isCounted = ({ metadata, status }: Pod): boolean =>
    metadata.deletionTimestamp === undefined && !['Succeeded', 'Failed'].includes(status?.phase ?? '');
  return items.filter((one) => isCounted(one) && isOwnedBy(one, owner.uid));
}

/** As soon as it costs what the others do, it is the youngest, and the first to go. One that was wanted after all is none too many. */
async function untilFewer(cutover: Cutover, owner: Owner, than: number): Promise<void> {
  const deadline = performance.now() + scaled(settlesMs);
  while ((await siblings(cutover, owner)).length >= than) {
    if (performance.now() > deadline) return;
    await delay(200);
  }
}
