import { randomBytes } from 'node:crypto';
import { MigrateError } from '../../errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import type { Role } from '../../protocol/agent-calls.ts';
import { checkedFacts, checkedInspection } from '../../protocol/checked-inspection.ts';
import type { OnEvent } from '../contract.ts';
import { sourceHelper } from '../helpers/pods.ts';
import { AgentSession } from '../helpers/session.ts';
import { startHelper } from '../helpers/start.ts';
import { startTargetHelper } from '../helpers/start-target.ts';
import { reachDirectly, reachThrough } from '../peer-connection.ts';
import type { UnblockedPlan } from '../plan.ts';
import { podOnNode } from '../pod-on-node.ts';
import type { Prepared } from '../prepared.ts';
import { together } from '../together.ts';
import type { Underway } from '../underway.ts';
import { requireWithinBudget } from '../within-budget.ts';
import { requireFit } from './fit.ts';

/**
 * Makes the helper pods, has both agents look at their node and at the processes, and joins them. The source's agent takes the
 * pod's claim: from then on no other migration of that pod gets any further.
 *
 * @throws MigrateError (refused) when they find what makes a checkpoint or a restore impossible
 */
export async function prepare(
  plan: UnblockedPlan,
  underway: Underway,
  say: (message: string) => void,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<Prepared> {
  const { home } = underway;
  const pod = podOnNode(plan);
  const attend = async (helper: Pod, role: Role, stop: AbortSignal): Promise<AgentSession> => {
    const session = await AgentSession.open(home, helper, { role, migration: plan.id }, stop);
    underway[role] = session;
    session.listen(
      (event) => event.type === 'bytes' || event.type === 'span' || onEvent({ type: 'log', message: `${role}: ${JSON.stringify(event)}` }),
    );
    return session;
  };
  say('starting the helper pods');
  const [{ source, inspection }, { target, targetPod, pins }] = await together(
    signal,
    async (stop) => {
      const source = await attend(await startHelper(underway, sourceHelper(plan), stop), 'source', stop);
      underway.touched.source = true;
      const inspection = checkedInspection(await source.call('source.inspect', { ...pod, to: plan.peer.virtualNode }, 60_000));
      return { source, inspection };
    },
    async (stop) => {
      const { pod: targetPod, pins } = await startTargetHelper(underway, say, stop);
      return { target: await attend(targetPod, 'target', stop), targetPod, pins };
    },
  );

  say('looking at both nodes');
  const remote = (await reachDirectly(home, plan.peer, signal)) ?? (await reachThrough(home, plan.peer, source.pod, signal));
  underway.remote = remote;
  const twin = await remote.get<Pod>(`${podsIn(plan.twinNamespace)}/${targetPod.metadata.name}`, signal);
  const targetNode = twin.spec.nodeName;
  if (targetNode === undefined) throw new MigrateError('failed', `helper pod ${targetPod.metadata.name} runs on no node of the peer`);
  underway.targetNode = targetNode;
  underway.touched.target = true;
  const there = checkedFacts((await target.call('target.inspect', null, 60_000)).facts);
  const told = await requireFit(home, plan, remote, { inspection, helper: targetPod }, { facts: there, helper: twin }, signal);
  requireWithinBudget(plan.pod, plan.budget, inspection);

  say('joining the agents');
  const key = randomBytes(32).toString('base64');
  const { port } = await target.call('target.listen', { key, containers: pod.containers.map(({ name }) => name) }, 10_000);
  await source.call('source.connect', { host: targetPod.status?.podIP ?? '', port, key }, 20_000);
  return {
    plan,
    underway,
    home,
    remote,
    source,
    target,
    targetNode,
    targetTwin: twin,
    pins,
    inspection: { ...inspection, findings: told },
  };
}
