import { randomBytes } from 'node:crypto';
import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/types.ts';
import type { SourceFact } from '../protocol/settle.ts';
import { waitFor } from '../kube/wait.ts';
import { originLabel } from '../liqo/names.ts';
import { openSession, untilHelperRuns, type AgentSession } from './agent-session.ts';
import { sourceHelper, targetSweeper } from './helper-pods.ts';
import type { Prepared } from './prepared.ts';
import { removePod } from './start-helper.ts';

const deadlineMs = 240_000;

/**
 * Puts a new agent on the source's node in the place of one that died. It lets the pod run, if the commit record allows,
 * and then removes what the dead one left on the node.
 *
 * @param targetNeverRan the target agent's own word, with which the record does not count
 * @returns `committed` when the target has taken over: the source stays frozen, and its record where it is
 */
export async function takeOverSource(
  prepared: Pick<Prepared, 'home' | 'plan' | 'request' | 'podOnNode'>,
  targetNeverRan = false,
): Promise<SourceFact> {
  return await onSource(prepared, async (session) => {
    const { state } = await session.call('source.takeover', { ...prepared.podOnNode, targetNeverRan }, 130_000);
    if (state === 'runs') await session.call('cleanup', null, 20_000);
    return state;
  });
}

/** Removes what an agent that died left on the source's node, after the pod has moved. */
export async function cleanSourceNode(prepared: Pick<Prepared, 'home' | 'plan' | 'request'>): Promise<void> {
  await onSource(prepared, async (session) => session.call('cleanup', null, 20_000));
}

async function onSource<T>(
  { home, plan, request }: Pick<Prepared, 'home' | 'plan' | 'request'>,
  work: (session: AgentSession) => Promise<T>,
): Promise<T> {
  const pod = sourceHelper(plan, plan.id, request.agentImage, 'rescue');
  pod.metadata.name = uniqueName(pod.metadata.name);
  const collection = `/api/v1/namespaces/${plan.report.namespace}/pods`;
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    await home.create(collection, pod, signal);
    const session = await openSession(home, await untilHelperRuns(home, pod, signal), signal);
    return await work(session).finally(() => session.close());
  } finally {
    await removePod(home, `${collection}/${pod.metadata.name}`).catch(() => undefined);
  }
}

/**
 * Removes what a target agent that died left on its node. The way to that very node is a ShadowPod made by hand: Liqo does
 * not hand on a pod's wishes for a place. It has to do without exec, which Liqo's credential allows by POST alone, and
 * WebSockets begin with GET.
 *
 * @param remote the peer's API server
 * @param outcome `moved` when the pod runs there, all of it; `given-up` when its ShadowPod is gone
 */
export async function cleanTargetNode(
  remote: KubeConnection,
  { plan, request }: Pick<Prepared, 'plan' | 'request'>,
  node: string,
  outcome: 'moved' | 'given-up',
): Promise<void> {
  const { metadata, spec } = targetSweeper(plan, plan.id, request.agentImage, node, outcome);
  const name = uniqueName(metadata.name);
  const labels = { ...metadata.labels, [originLabel]: plan.peer.homeClusterId };
  const shadow = {
    apiVersion: 'offloading.liqo.io/v1beta1',
    kind: 'ShadowPod',
    metadata: { ...metadata, name, namespace: plan.twinNamespace, labels },
    spec: { pod: spec },
  };
  const collection = `/apis/offloading.liqo.io/v1beta1/namespaces/${plan.twinNamespace}/shadowpods`;
  try {
    await remote.create(collection, shadow);
    await waitFor<Pod>(
      remote,
      {
        collection: `/api/v1/namespaces/${plan.twinNamespace}/pods`,
        name,
        what: `pod ${name} to clear away what is left on node ${node}`,
        deadlineMs: 60_000,
        isDone: (pod) => {
          if (pod?.status?.phase === 'Failed')
            throw new Error(`pod ${name} on node ${node} failed: ${pod.status.message ?? 'its log tells why'}`);
          return pod?.status?.phase === 'Succeeded';
        },
        describe: (pod) => `it is ${pod?.status?.phase ?? 'not there'}`,
      },
      new AbortController().signal,
    );
  } finally {
    await removePod(remote, `${collection}/${name}`).catch(() => undefined);
  }
}

function uniqueName(name: string): string {
  return `${name}-${randomBytes(2).toString('hex')}`;
}
