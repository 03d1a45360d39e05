import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { unlessNotFound } from '../../kube/errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { waitFor } from '../../kube/wait.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { attempt } from '../attempt.ts';
import { cleanTargetNode } from '../helpers/on-target-node.ts';
import { TakenOver } from '../helpers/session.ts';
import type { Underway } from '../underway.ts';

/**
 * Takes away what was made at the peer, the last things first, and then what its node has of the migration. Nobody attends
 * either agent after that.
 *
 * @returns what is left
 * @throws TakenOver
 */
export async function removeStandby(underway: Underway): Promise<string[]> {
  const { move, made } = underway;
  const failures: string[] = [];
  const shadowPod = `${shadowPodsIn(move.twinNamespace)}/${move.pod.metadata.name}`;
  for (const one of made.objectsAt('peer')) {
    const removed = await attempt(one.what, async () => {
      await made.remove(one);
      if (one.path === shadowPod) await untilGone(underway);
    });
    failures.push(...removed);
  }
  if (made.isOnNode('target'))
    failures.push(...(await attempt(`node ${underway.targetNode ?? ''} of ${move.peer.virtualNode}`, async () => cleanTarget(underway))));
  underway.source?.close();
  underway.target?.close();
  return failures;
}

/** A later migration of the same pod would get the old pod's remains otherwise. */
async function untilGone({ clusters, move }: Underway): Promise<void> {
  const { name } = move.pod.metadata;
  if (!clusters.peer) return;
  await waitFor<Pod>(
    clusters.peer,
    {
      collection: podsIn(move.twinNamespace),
      name,
      what: `pod ${move.twinNamespace}/${name} to be gone`,
      deadlineMs: 60_000,
      isDone: (pod) => !isStandby(pod),
    },
    new AbortController().signal,
  );
}

const refusingMs = 30_000;

/**
 * As long as the peer or the node has the pod, the node could start it from nothing, and refuses it: what has been deleted may be
 * there for a moment longer, and what could not be deleted is wanted still.
 */
async function cleanTarget(underway: Underway): Promise<void> {
  const { target, targetNode } = underway;
  const remote = underway.clusters.peer;
  const deadline = performance.now() + scaled(refusingMs);
  for (;;) {
    const podIsGone = await isGoneAtPeer(underway);
    let trouble: unknown = new Error('its agent is dead');
    const answer = await target?.call('cleanup', { podIsGone }, 20_000).catch((error: unknown) => {
      if (error instanceof TakenOver) throw error;
      trouble = error;
    });
    if (answer && !answer.refusing) return;
    if (!answer && (!remote || targetNode === undefined)) throw trouble;
    if (!answer && podIsGone && remote && targetNode !== undefined)
      return await cleanTargetNode(remote, underway.move, targetNode, 'given-up');
    if (performance.now() > deadline) throw answer ? new Error('it refuses the containers of the pod until that is gone there') : trouble;
    await delay(1_000);
  }
}

/** Whether the peer's API server says so; one that says nothing has the pod, perhaps. */
async function isGoneAtPeer({ clusters, move }: Underway): Promise<boolean> {
  const remote = clusters.peer;
  const { name } = move.pod.metadata;
  try {
    // The pod last: without its ShadowPod no other one is made.
    if (!remote || (await remote.get<KubeObject>(`${shadowPodsIn(move.twinNamespace)}/${name}`).catch(unlessNotFound))) return false;
    return !isStandby(await remote.get<Pod>(`${podsIn(move.twinNamespace)}/${name}`).catch(unlessNotFound));
  } catch {
    return false;
  }
}

/** Whether Liqo has made it of a ShadowPod; one of the same name that somebody has made there is not ours to wait for. */
function isStandby(pod: Pod | undefined): boolean {
  return pod?.metadata.ownerReferences?.some(({ kind, controller }) => kind === 'ShadowPod' && controller === true) ?? false;
}
