import { pathOf, podsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import type { Pod } from '../../../kube/types.ts';
import { homePod } from '../../../liqo/home-pod.ts';
import { newObject } from '../../../owners/new-object.ts';
import { ownerText } from '../../../owners/owner.ts';
import { deleteOptions, replaceByName, type ByName } from '../../../owners/replace/by-name.ts';
import type { Outcome, Replacement } from '../../../owners/replace/outcome.ts';
import { PodsAt } from '../../../owners/replace/pods-at.ts';
import { sourceText, type Move } from '../../plan.ts';
import { creation } from '../../write.ts';
import { creatorOf, isReplacement, type Cutover, type CutoverTask } from './task.ts';

/** How long the name may be taken by the owner's own new pods, or a quota not have noticed that the old object is gone. */
const untilInPlaceMs = 30_000;

/**
 * Takes the pod's old object away, by its UID, and makes it anew in one write: the same name, now on the virtual node. The owner has
 * no time to make a program run in between; what it makes is taken away again.
 */
export const replace: CutoverTask = {
  name: 'replace the object',
  writes: (move) => [
    { verb: 'delete', at: 'home', path: pathOf(move.pod), body: deleteOptions({ uid: move.pod.metadata.uid }) },
    creation('home', podsIn(move.pod.metadata.namespace ?? ''), newObjectOf(move, move.pod)),
  ],
  isDone: ({ current }, move) => isReplacement(current, move),
  run: async (cutover) => {
    const { home, pod, policy } = cutover;
    const pods = new PodsAt(home, pod.metadata.namespace ?? '', policy);
    try {
      // It looks before it changes anything, also when it is called again.
      requireInPlace(await retry(async () => replaceByName(pods, replacementOf(cutover), howOf(cutover)), policy), cutover);
    } finally {
      pods.close();
    }
  },
  undone: (move, home, cause) =>
    cause instanceof OldIsGone
      ? `its old object is gone from cluster ${home.name}, and the new one could not be made`
      : `its new object is not in cluster ${home.name} yet, and its old processes stay frozen on ${sourceText(move)} while its old one is`,
  byHand: (move, file, cause) => {
    const options = JSON.stringify(deleteOptions({ uid: move.pod.metadata.uid }));
    const create = `kubectl create --field-manager=${creatorOf(move)} -f`;
    return [
      ...(cause instanceof OldIsGone ? [] : [`kubectl delete --raw ${pathOf(move.pod)} -f - <<< '${options}'`]),
      file === undefined ? `${create} - # the pod as it was, with nodeName: ${move.peer.virtualNode}` : `${create} ${file}`,
    ];
  },
};

/** Why there is neither the old object nor the new one. */
class OldIsGone extends Error {}

/** The object at home that stands for the pod when it is at the peer. */
export function newObjectOf({ peer, owner, toleratesOutages }: Pick<Move, 'peer' | 'owner' | 'toleratesOutages'>, pod: Pod): Pod {
  return newObject(homePod(pod, peer), owner, toleratesOutages);
}

export function replacementOf({ move, pod }: Cutover): Replacement {
  return {
    old: move.pod.metadata.uid ?? '',
    create: newObjectOf(move, pod),
    ownerUid: move.owner?.uid ?? '',
    isOurs: (one) => isReplacement(one, move),
  };
}

export function howOf({ move, isFirst }: Cutover): ByName {
  return { creator: creatorOf(move), deadlineMs: untilInPlaceMs, evenIfStarted: !isFirst };
}

/** @throws Error telling what holds the new object up */
export function requireInPlace(outcome: Outcome, { move, home, notes }: Cutover): void {
  const owner = move.owner ? ownerText(move.owner, move.pod) : 'its owner';
  const { uid: old } = move.pod.metadata;
  switch (outcome.end) {
    case 'in place':
      for (const { pod, mayHaveRun } of outcome.removed)
        if (mayHaveRun)
          notes.push(
            `${owner} had made pod ${pod.metadata.name} (UID ${pod.metadata.uid}) and started it from nothing, or may have: it was taken away`,
          );
      return;
    case 'owner runs': {
      const { name, uid } = outcome.pod.metadata;
      throw new OldIsGone(
        `${owner} has made pod ${name} (UID ${uid}), which has started from nothing: that copy was not touched, and the same command takes it away`,
      );
    }
    case 'ours removed':
      throw new Error('somebody is deleting it');
    case 'another':
      throw new OldIsGone(`there is another pod of that name now (UID ${outcome.pod.metadata.uid})`);
    case 'refused':
    case 'not in time': {
      const Unplaced = outcome.holder?.metadata.uid === old ? Error : OldIsGone;
      const why = outcome.end === 'refused' ? `cluster ${home.name} refuses` : `not within ${untilInPlaceMs / 1000} s`;
      throw new Unplaced(`${why}: ${outcome.message}`);
    }
  }
}
