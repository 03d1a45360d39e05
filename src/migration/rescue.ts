import { randomBytes } from 'node:crypto';
import { openSession, untilHelperRuns } from './agent-session.ts';
import { sourceHelper } from './helper-pods.ts';
import type { Prepared } from './steps/prepare.ts';

/**
 * Puts a new agent on the source's node in the place of one that died. It lets the pod run, if the commit record allows,
 * and then removes what the dead one left on the node.
 *
 * @returns `committed` when the target has taken over: the source stays frozen, and its record where it is
 */
export async function rescueSource({ home, plan, request, podOnNode }: Omit<Prepared, 'source' | 'target' | 'remote' | 'targetTwin' | 'inspection'>): Promise<'running' | 'committed'> {
  const signal = AbortSignal.timeout(240_000);
  const collection = `/api/v1/namespaces/${plan.report.namespace}/pods`;
  const pod = sourceHelper(plan, plan.id, request.agentImage, 'rescue');
  pod.metadata.name = `${pod.metadata.name}-${randomBytes(2).toString('hex')}`;
  try {
    await home.create(collection, pod, signal);
    const session = await openSession(home, await untilHelperRuns(home, pod, signal), signal);
    const { state } = await session.call('source.rescue', podOnNode, 130_000);
    if (state === 'running') await session.call('cleanup', null, 20_000);
    session.close();
    return state;
  } finally {
    await home.delete(`${collection}/${pod.metadata.name}`, { gracePeriodSeconds: 1 }).catch(() => undefined);
  }
}
