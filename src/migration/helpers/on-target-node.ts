import { randomBytes } from 'node:crypto';
import { deadlineFactor } from '../../deadlines.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { waitFor } from '../../kube/wait.ts';
import { originLabel } from '../../liqo/names.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { targetFacts, type TargetFact } from '../../protocol/settle.ts';
import { MadeRecord } from '../made.ts';
import type { Move } from '../plan.ts';
import { agentContainer, oneShotHelper } from './pods.ts';
import { helperGraceSeconds } from './start.ts';

/**
 * Removes what a target agent that died left on its node.
 *
 * @param outcome `moved` when the pod runs there, all of it; `given-up` when its ShadowPod is gone
 * @throws Error when the node still has a pod that did not move
 */
export async function cleanTargetNode(remote: KubeConnection, move: Move, node: string, outcome: 'moved' | 'given-up'): Promise<void> {
  const { id, twinNamespace, pod } = move;
  await runOnce(
    remote,
    move,
    node,
    ['node-cleanup', id, twinNamespace, pod.metadata.name, outcome, String(deadlineFactor())],
    'clear away what is left',
  );
}

/**
 * How a migration stands on the peer's node whose agent has died: what its keepers have decided. `silent` when that node knows nothing of
 * it any more.
 */
export async function factOnTargetNode(remote: KubeConnection, move: Move, node: string): Promise<TargetFact> {
  const pod = await runOnce(remote, move, node, ['node-fact', move.id, String(deadlineFactor())], 'tell how it stands');
  return readFact(pod.status?.containerStatuses?.find(({ name }) => name === agentContainer)?.state?.terminated?.message);
}

/** Pure part of {@link factOnTargetNode}; it comes from another node. */
export function readFact(told: string | undefined): TargetFact {
  try {
    const { state } = JSON.parse(told ?? '') as { state?: unknown };
    return targetFacts.find((one) => one === state) ?? 'silent';
  } catch {
    return 'silent';
  }
}

/**
 * The way to that very node is a ShadowPod made by hand: Liqo does not hand on a pod's wishes for a place. It has to do without
 * exec, which Liqo's credential allows by POST alone, and WebSockets begin with GET.
 */
async function runOnce(remote: KubeConnection, move: Move, node: string, args: readonly string[], purpose: string): Promise<Pod> {
  const { metadata, spec } = oneShotHelper(move, node, args);
  const name = `${metadata.name}-${randomBytes(2).toString('hex')}`;
  const shadow = {
    apiVersion: 'offloading.liqo.io/v1beta1',
    kind: 'ShadowPod',
    metadata: { ...metadata, name, namespace: move.twinNamespace, labels: { ...metadata.labels, [originLabel]: move.peer.homeClusterId } },
    spec: { pod: spec },
  };
  const made = new MadeRecord(move.id, { peer: remote });
  const signal = new AbortController().signal;
  const about = {
    at: 'peer',
    collection: shadowPodsIn(move.twinNamespace),
    what: `ShadowPod ${name}`,
    gracePeriodSeconds: helperGraceSeconds,
  } as const;
  try {
    await made.create(shadow, about, signal);
    const pod = await waitFor<Pod>(
      remote,
      {
        collection: podsIn(move.twinNamespace),
        name,
        what: `pod ${name} to ${purpose} on node ${node}`,
        deadlineMs: 90_000,
        isDone: (seen) => {
          if (seen?.status?.phase === 'Failed')
            throw new Error(`pod ${name} on node ${node} failed: ${seen.status.message ?? 'its log tells why'}`);
          return seen?.status?.phase === 'Succeeded';
        },
        describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
      },
      signal,
    );
    if (!pod) throw new Error(`pod ${name} is gone`);
    return pod;
  } finally {
    // Best effort: it ends by itself, and its label tells whose it is.
    for (const one of made.objectsAt('peer')) await made.remove(one).catch(() => undefined);
  }
}
