import { randomBytes } from 'node:crypto';
import type { KubeConnection } from '../../kube/connection.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { Pod } from '../../kube/types.ts';
import { homePod } from '../../liqo/home-pod.ts';
import { forgeShadowPod } from '../../liqo/forge-shadow-pod.ts';
import { missingReferences } from '../../liqo/missing-references.ts';
import type { Inspection, NodeFacts, PodOnNode } from '../../protocol/agent-calls.ts';
import { checkedFacts, checkedInspection } from '../../protocol/checked-inspection.ts';
import { openSession } from '../agent-session.ts';
import { refusalOf } from '../../preflight/admission.ts';
import { blockersAmong, finding, when, type Finding } from '../../preflight/finding.ts';
import type { MigrationRequest, OnEvent } from '../contract.ts';
import { sourceHelper } from '../helper-pods.ts';
import { isCarried, isReflected } from '../../preflight/pod.ts';
import { nodeDifferences } from '../../preflight/nodes.ts';
import { lacking } from '../../preflight/references.ts';
import { refusal } from '../../preflight/refusal.ts';
import { helperLimitFindings, roomFindings } from '../../preflight/room.ts';
import { targetRuntimeFindings } from '../../preflight/runtime.ts';
import { reachDirectly, reachThrough } from '../peer-connection.ts';
import type { Plan } from '../plan.ts';
import type { Prepared } from '../prepared.ts';
import { takeOverSource, cleanTargetNode } from '../takeover.ts';
import { startHelper } from '../start-helper.ts';
import { startTargetHelper } from '../target-helper.ts';
import type { UndoList } from '../undo.ts';
import { requireWithinBudget } from '../within-budget.ts';

/**
 * Makes the helper pods, has both agents look at their node and at the processes, and joins them.
 *
 * @throws MigrateError (refused) when they find what makes a checkpoint or a restore impossible
 */
export async function prepare(
  plan: Plan & { readonly id: string },
  request: MigrationRequest,
  undo: UndoList,
  say: (message: string) => void,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<Prepared> {
  const home = request.connection;
  say('starting the helper pods');
  const [sourcePod, { pod: targetPod, pins }] = await Promise.all([
    startHelper(home, sourceHelper(plan, plan.id, request.agentImage), undo, signal),
    startTargetHelper(home, plan, request.agentImage, undo, say, signal),
  ]);
  const [source, target] = await Promise.all([openSession(home, sourcePod, signal), openSession(home, targetPod, signal)]);
  for (const [side, session] of Object.entries({ source, target })) {
    session.listen(
      (event) => event.type === 'bytes' || event.type === 'span' || onEvent({ type: 'log', message: `${side}: ${JSON.stringify(event)}` }),
    );
  }
  const podOnNode = describePod(plan.pod);
  undo.add(`node ${plan.sourceNode}`, async () => {
    await source.call('cleanup', null, 20_000).catch(async () => takeOverSource({ home, plan, request, podOnNode }));
    source.close();
  });
  let cleanNode: () => Promise<void> = () => Promise.reject(new Error('its agent is dead'));
  undo.add(`the target agent's node at ${plan.peer.virtualNode}`, async () => {
    await target.call('cleanup', null, 20_000).catch(async () => cleanNode());
    target.close();
  });

  say('looking at both nodes');
  const remote = (await reachDirectly(home, plan.peer, signal)) ?? (await reachThrough(home, plan.peer, sourcePod, signal));
  const twin = await remote.get<Pod>(`/api/v1/namespaces/${plan.twinNamespace}/pods/${targetPod.metadata.name}`, signal);
  cleanNode = async () => cleanTargetNode(remote, { plan, request }, twin.spec.nodeName ?? '', 'given-up');
  const [inspection, there] = await Promise.all([
    source.call('source.inspect', { ...podOnNode, to: plan.peer.virtualNode }, 60_000).then(checkedInspection),
    target.call('target.inspect', null, 60_000).then(({ facts }) => checkedFacts(facts)),
  ]);
  const told = await requireFit(home, plan, remote, inspection, { facts: there, helper: twin }, signal);
  requireWithinBudget(plan, inspection);

  say('joining the agents');
  const key = randomBytes(32).toString('base64');
  const { port } = await target.call('target.listen', { key, containers: podOnNode.containers.map(({ name }) => name) }, 10_000);
  await source.call('source.connect', { host: targetPod.status?.podIP ?? '', port, key }, 20_000);
  return { plan, home, remote, source, target, targetTwin: twin, pins, podOnNode, inspection: { ...inspection, findings: told }, request };
}

/** The pod's parts as the source agent has to find them. */
function describePod({ metadata, spec, status }: Pod): PodOnNode {
  const volumes = spec.volumes ?? [];
  return {
    uid: metadata.uid ?? '',
    containers: (status?.containerStatuses ?? []).map(({ name, containerID }) => ({ name, id: containerID ?? '' })),
    volumes: volumes.filter(isCarried).map(({ name }) => name),
    projected: volumes.filter(isReflected).map(({ name }) => name),
    addresses: (status?.podIPs ?? []).map(({ ip }) => ip),
  };
}

/** @returns what is not in the way, and should be known */
async function requireFit(
  home: KubeConnection,
  plan: Plan,
  remote: KubeConnection,
  inspection: Inspection,
  there: { readonly facts: NodeFacts; readonly helper: Pod },
  signal: AbortSignal,
): Promise<Finding[]> {
  const { pod, peer, twinNamespace } = plan;
  const { facts, findings } = inspection;
  const source = { name: plan.sourceNode, facts };
  const target = { name: there.helper.spec.nodeName ?? peer.virtualNode, facts: there.facts };
  const forged = forgeShadowPod(pod, peer, twinNamespace);
  const missing = await missingReferences(remote, forged.spec.pod, pod.metadata.name, twinNamespace, signal);
  const path = `/apis/offloading.liqo.io/v1beta1/namespaces/${twinNamespace}/shadowpods/${pod.metadata.name}`;
  const isTaken = await remote.get(path, signal).then(
    () => true,
    (error: unknown) => {
      if (isNotFound(error)) return false;
      throw error;
    },
  );
  const words = await refusalOf(home, homePod(pod, peer), signal);
  const twin = { kind: 'namespace', name: twinNamespace } as const;
  const all = [
    ...findings,
    ...nodeDifferences({ kind: 'node', name: peer.virtualNode }, facts, there.facts),
    ...targetRuntimeFindings(there.helper),
    ...roomFindings(source, target, inspection),
    ...[source, target].flatMap(helperLimitFindings),
    ...(missing.length > 0 ? [lacking(peer, twinNamespace, missing)] : []),
    ...when(isTaken, 'KM-NAME-TAKEN', twin, `namespace ${twinNamespace} of ${peer.virtualNode} has a pod of that name already`),
    ...(words === undefined
      ? []
      : [
          finding(
            'KM-SERVER-REFUSES',
            { kind: 'cluster', name: home.name },
            `cluster ${home.name} would not take its object on ${peer.virtualNode}: ${words}`,
          ),
        ]),
  ];
  const blockers = blockersAmong(all);
  if (blockers.length > 0) throw refusal(`pod ${plan.report.namespace}/${plan.report.pod}`, blockers);
  return all;
}
