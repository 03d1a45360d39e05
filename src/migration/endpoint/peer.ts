import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { unlessNotFound } from '../../kube/errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { AgentSession, TakenOver } from '../helpers/session.ts';
import { cleanTargetNode } from '../helpers/on-target-node.ts';
import { startTargetHelper } from '../helpers/start-target.ts';
import { isStandby } from '../is-standby.ts';
import type { Move } from '../plan.ts';
import type { Ground } from '../underway.ts';
import { cleanByAgent, isFinal, refusingMs } from './clean-by-agent.ts';
import type { Endpoint } from './endpoint.ts';

/** The end at a peer: its helper is a pod of the virtual node, and what has to be done there without it is done by a ShadowPod. */
export function peerEndpoint(ground: Ground): Endpoint {
  const end: Endpoint = {
    role: 'target',
    node: undefined,
    agent: undefined,
    where: () => `node ${end.node ?? ''} of ${ground.move.peer.virtualNode}`,
    startAgent: async (say, signal) => {
      const { move, clusters } = ground;
      const { pod, pins } = await startTargetHelper(ground, say, signal);
      const agent = (end.agent = await AgentSession.open(clusters.home, pod, { role: 'target', migration: move.id }, signal));
      return { agent, helper: pod, pins };
    },
    clean: async (outcome) => {
      if (outcome === 'given-up') return await giveBack(ground, end);
      try {
        await cleanByAgent(end.agent);
      } catch (error) {
        const { peer } = ground.clusters;
        if (isFinal(error, outcome) || !peer || end.node === undefined) throw error;
        await cleanTargetNode(peer, ground.move, end.node, outcome);
      }
    },
  };
  return end;
}

/**
 * As long as the peer or the node has the pod, the node could start it from nothing, and refuses it: what has been deleted may be
 * there for a moment longer, and what could not be deleted is wanted still.
 */
async function giveBack({ move, clusters: { peer } }: Ground, { agent, node }: Endpoint): Promise<void> {
  const deadline = performance.now() + scaled(refusingMs);
  for (;;) {
    const podIsGone = await isGone(peer, move);
    let trouble: unknown = new Error('its agent is dead');
    const answer = await agent?.call('cleanup', { podIsGone }, 20_000).catch((error: unknown) => {
      if (error instanceof TakenOver) throw error;
      trouble = error;
    });
    if (answer && !answer.refusing) return;
    if (!answer && (!peer || node === undefined)) throw trouble;
    if (!answer && podIsGone && peer && node !== undefined) return await cleanTargetNode(peer, move, node, 'given-up');
    if (performance.now() > deadline) throw answer ? new Error('it refuses the containers of the pod until that is gone there') : trouble;
    await delay(1_000);
  }
}

/** Whether the peer's API server says so; one that says nothing has the pod, perhaps. */
async function isGone(peer: KubeConnection | undefined, { pod, twinNamespace }: Move): Promise<boolean> {
  const { name } = pod.metadata;
  try {
    // The pod last: without its ShadowPod no other one is made.
    if (!peer || (await peer.get<KubeObject>(`${shadowPodsIn(twinNamespace)}/${name}`).catch(unlessNotFound))) return false;
    return !isStandby(await peer.get<Pod>(`${podsIn(twinNamespace)}/${name}`).catch(unlessNotFound));
  } catch {
    return false;
  }
}
