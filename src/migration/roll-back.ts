import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../deadlines.ts';
import { unlessNotFound } from '../kube/errors.ts';
import { podsIn } from '../kube/paths.ts';
import type { KubeObject, Pod } from '../kube/types.ts';
import { waitFor } from '../kube/wait.ts';
import { shadowPodsIn } from '../liqo/paths.ts';
import type { SourceFact } from '../protocol/settle.ts';
import { TakenOver, type AgentSession } from './helpers/session.ts';
import { cleanTargetNode } from './helpers/on-target-node.ts';
import { replaceSource } from './helpers/replace-source.ts';
import { podOnNode } from './pod-on-node.ts';
import type { Underway } from './underway.ts';

/**
 * Takes back all that a migration has made, the last things first, also when a part of that fails, but not when the source
 * cannot be brought to run on. Only when it is settled that it is to run on.
 *
 * @returns what could not be rolled back, with the reason; empty when all is as it was
 * @throws TakenOver when another command attends the migration
 */
export async function rollBack(underway: Underway): Promise<string[]> {
  const { move, target, made, home } = underway;
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof TakenOver) throw error;
      failures.push(`${what}: ${(error as Error).message}`);
    }
  };
  // Whatever it answers: a dead one restores nothing any more either.
  const given = await target?.call('target.abort', null, 20_000).catch((error: unknown) => {
    if (error instanceof TakenOver) throw error;
    return undefined;
  });
  if (given?.state === 'runs') return [`pod ${move.twinNamespace}/${move.pod.metadata.name} runs at ${move.peer.virtualNode}`];
  // As long as it is not certain that the source runs on, the target is needed: its word may be what lets it.
  if (underway.touched.source) await attempt(`node ${move.sourceNode}`, async () => cleanSource(underway));
  if (failures.length > 0) return failures;
  const shadowPod = `${shadowPodsIn(move.twinNamespace)}/${move.pod.metadata.name}`;
  for (const one of made.all.filter(({ at }) => at !== home)) {
    await attempt(one.what, async () => {
      await made.remove(one);
      if (one.path === shadowPod) await untilGone(underway);
    });
  }
  if (underway.touched.target)
    await attempt(`node ${underway.targetNode ?? ''} of ${move.peer.virtualNode}`, async () => cleanTarget(underway));
  underway.source?.close();
  target?.close();
  // By its helpers the same command finds what is left to be taken back.
  if (failures.length > 0) return failures;
  for (const one of made.all.filter(({ at }) => at === home)) await attempt(one.what, async () => made.remove(one));
  return failures;
}

/** A later migration of the same pod would get the old pod's remains otherwise. */
async function untilGone({ remote, move }: Underway): Promise<void> {
  const { name } = move.pod.metadata;
  if (!remote) return;
  await waitFor<Pod>(
    remote,
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
  const { target, remote, targetNode } = underway;
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
    if (!answer && podIsGone && remote && targetNode !== undefined) return await cleanTargetNode(remote, underway.move, targetNode, 'given-up');
    if (performance.now() > deadline) throw answer ? new Error('it refuses the containers of the pod until that is gone there') : trouble;
    await delay(1_000);
  }
}

/** Whether the peer's API server says so; one that says nothing has the pod, perhaps. */
async function isGoneAtPeer({ remote, move }: Underway): Promise<boolean> {
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

async function cleanSource(underway: Underway): Promise<void> {
  const { source, move } = underway;
  try {
    if (!source) throw new Error('its agent is dead');
    await giveBack(await source.call('source.abort', null, 130_000), source);
  } catch (error) {
    if (error instanceof TakenOver || error instanceof HandedOver) throw error;
    const other = await replaceSource(underway);
    await giveBack(await other.call('source.takeover', { ...podOnNode(move), targetNeverRan: false }, 130_000), other);
  }
}

class HandedOver extends Error {}

async function giveBack({ state }: { readonly state: SourceFact }, session: AgentSession): Promise<void> {
  if (state === 'committed') throw new HandedOver('its agent has handed the pod over, which stays frozen there');
  await session.call('cleanup', null, 20_000);
}
