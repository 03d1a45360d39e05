import { didYouMean } from '../../did-you-mean.ts';
import { MigrateError } from '../../errors.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { isNotFound, unlessForbidden } from '../../kube/errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { findPeer, type Peer } from '../../liqo/peer.ts';
import { remoteClusterLabel } from '../../liqo/names.ts';
import { taintFindings } from '../../liqo/tolerations.ts';
import { twinNamespace } from '../../liqo/twin-namespace.ts';
import { selectorOf } from '../../owners/membership.ts';
import { canTakeAway } from '../../owners/owner.ts';
import type { MigrationRequest } from '../contract.ts';
import { quiescingOf } from '../quiescing-of.ts';
import type { Move, Plan, UnblockedPlan } from '../plan.ts';
import { rightsOfSteps } from '../rights.ts';
import { freezeBudget, mostBytesPerSecond, overBudget, overPatience } from '../../preflight/budget.ts';
import { partsOf } from '../../preflight/carried.ts';
import { blockersAmong, finding, when, type Finding } from '../../preflight/finding.ts';
import { quotaFindings, quotasIn } from '../../preflight/quota.ts';
import { outageFindings } from '../../preflight/owner.ts';
import { podFindings } from '../../preflight/pod.ts';
import { refusal } from '../../preflight/refusal.ts';
import { missingRights } from '../../preflight/rights.ts';
import { patchedRuntimeFindings } from '../../preflight/runtime.ts';
import { serviceOfItsName } from '../../preflight/service-of-name.ts';

/** Before anybody has looked at the pod's processes: what a move takes at the least. */
const nothingYet = { bytes: 0, bytesPerSecond: mostBytesPerSecond };

/**
 * Reads everything that decides whether and how the pod can move.
 *
 * @param id the migration's
 * @throws MigrateError (usage, refused) when pod, peer or twin namespace are not there; what the pod itself has
 *   in the way is told in `findings`
 */
export async function makePlan(request: MigrationRequest, id: string, signal: AbortSignal): Promise<Plan> {
  const { connection, namespace, agentImage, maxFreezeMs, quiesceMs, toleratesOutages } = request;
  const pod = await getPod(request, signal);
  const peer = await findPeer(connection, request.to, signal);
  const twin = await twinNamespace(connection, namespace, peer, signal);
  const { nodeName: sourceNode } = pod.spec;
  const placed = sourceNode === undefined ? {} : { sourceNode };
  const quiet = quiesceMs === undefined ? [] : await quiescingOf(connection, pod, quiesceMs, signal);
  const asked = 'by' in quiet ? { quiesce: quiet } : {};
  const move: Move = { id, pod, ...partsOf(pod), ...placed, peer, twinNamespace: twin, agentImage, ...asked };
  const now = Date.now();
  const budget = freezeBudget(pod, { now, maxFreezeMs });
  const [ofNode, quotas, siblings, ofService, ofUser] = await Promise.all([
    nodeFindings(connection, sourceNode, peer, signal),
    move.owner ? quotasIn(connection, namespace, signal) : [],
    canTakeAway(move.owner) ? siblingsOf(connection, pod, signal) : undefined,
    serviceOfItsName(connection, pod, peer, signal),
    missingRights(connection, rightsOfSteps(move), signal),
  ]);
  return {
    ...move,
    ...(maxFreezeMs === undefined ? {} : { maxFreezeMs }),
    ...(siblings ? { siblings } : {}),
    ...(toleratesOutages ? { toleratesOutages } : {}),
    budget,
    findings: [
      ...ofNode,
      ...patchedRuntimeFindings(peer),
      ...taintFindings(pod, peer.virtualNode, peer.taints),
      ...podFindings(pod),
      ...outageFindings(pod, toleratesOutages),
      ...quotaFindings(pod, quotas),
      ...overBudget(pod, budget, nothingYet),
      ...overPatience(pod, now, maxFreezeMs),
      ...namespaceFindings(namespace, twin),
      ...('by' in quiet ? [] : quiet),
      ...ofUser,
      ...ofService,
    ],
  };
}

/** @throws KubeError, or MigrateError (failed) in the same words when a pod with a similar name was probably meant */
async function getPod({ connection, namespace, pod }: MigrationRequest, signal: AbortSignal): Promise<Pod> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  try {
    return await connection.get<Pod>(`${pods}/${pod}`, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const list = await connection.list<Pod>(pods, signal).catch(() => undefined);
    const meant = didYouMean(
      pod,
      (list?.items ?? []).map(({ metadata }) => metadata.name),
    );
    if (meant === undefined) throw error;
    throw new MigrateError('failed', (error as Error).message, { cause: error, hint: `Did you mean ${meant}?` });
  }
}

/** UIDs of all pods that its owner counts with it; none when the user may not list pods, which the plan tells. */
async function siblingsOf(connection: KubeConnection, pod: Pod, signal: AbortSignal): Promise<string[]> {
  const query = { labelSelector: selectorOf(pod) };
  const list = await connection.list<Pod>(podsIn(pod.metadata.namespace ?? ''), signal, query).catch(unlessForbidden);
  return (list?.items ?? []).flatMap(({ metadata: { uid } }) => (uid === undefined || uid === pod.metadata.uid ? [] : [uid]));
}

/** @throws MigrateError (refused) listing everything that is in the way */
export function requireUnblocked(plan: Plan): UnblockedPlan {
  const { sourceNode, findings, pod } = plan;
  const blockers = blockersAmong(findings);
  if (blockers.length === 0 && sourceNode !== undefined) return { ...plan, sourceNode };
  throw refusal(`pod ${pod.metadata.namespace}/${pod.metadata.name}`, blockers);
}

function namespaceFindings(namespace: string, twin: string): Finding[] {
  return when(
    twin !== namespace,
    'KM-NAMESPACE',
    { kind: 'namespace', name: namespace },
    `the namespace's name inside the pod: it is ${twin} there`,
  );
}

async function nodeFindings(connection: KubeConnection, name: string | undefined, peer: Peer, signal: AbortSignal): Promise<Finding[]> {
  const on = { kind: 'node', name: name ?? '' } as const;
  if (name === undefined) return [finding('KM-NO-NODE', on, 'it is on no node yet')];
  if (name === peer.virtualNode) return [finding('KM-ELSEWHERE', on, `it is on ${peer.virtualNode} already`)];
  try {
    const node = await connection.get<Pod>(`/api/v1/nodes/${name}`, signal);
    const isVirtual = node.metadata.labels?.[remoteClusterLabel] !== undefined;
    const remedy = 'only pods on real nodes of this cluster can be moved so far';
    return when(isVirtual, 'KM-ELSEWHERE', on, `it runs in another cluster (virtual node ${name})`, remedy);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return [finding('KM-NO-NODE', on, `its node ${name} is gone`)];
  }
}
