import type { KubeConnection } from '../../kube/connection.ts';
import { unlessNotFound } from '../../kube/errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { forgeShadowPod } from '../../liqo/forge-shadow-pod.ts';
import { missingReferences } from '../../liqo/missing-references.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { refusalOf } from '../../preflight/admission.ts';
import { blockersAmong, finding, when, type Finding } from '../../preflight/finding.ts';
import { limitRangeFindings } from '../../preflight/limit-range.ts';
import { nodeDifferences } from '../../preflight/nodes.ts';
import { lacking } from '../../preflight/references.ts';
import { refusal } from '../../preflight/refusal.ts';
import { helperLimitFindings, roomFindings } from '../../preflight/room.ts';
import { targetRuntimeFindings } from '../../preflight/runtime.ts';
import type { Inspection, NodeFacts } from '../../protocol/agent-calls.ts';
import type { UnblockedPlan } from '../plan.ts';
import { newObjectOf } from './cutover/replace.ts';

/**
 * Compares what both agents have found with each other and with the pod.
 *
 * @returns what is not in the way, and should be known
 * @throws MigrateError (refused) with all that is in the way
 */
export async function requireFit(
  home: KubeConnection,
  plan: UnblockedPlan,
  remote: KubeConnection,
  { inspection, helper }: { readonly inspection: Inspection; readonly helper: Pod },
  there: { readonly facts: NodeFacts; readonly helper: Pod },
  signal: AbortSignal,
): Promise<Finding[]> {
  const { pod, peer, twinNamespace } = plan;
  const { facts, findings } = inspection;
  const source = { name: plan.sourceNode, facts };
  const target = { name: there.helper.spec.nodeName ?? peer.virtualNode, facts: there.facts };
  const forged = forgeShadowPod(pod, peer, twinNamespace);
  const missing = await missingReferences(remote, forged.spec.pod, pod.metadata.name, twinNamespace, signal);
  const find = async (collection: string): Promise<KubeObject | undefined> =>
    remote.get<KubeObject>(`${collection}/${pod.metadata.name}`, signal).catch(unlessNotFound);
  const [shadow, other] = await Promise.all([find(shadowPodsIn(twinNamespace)), find(podsIn(twinNamespace))]);
  // One that is on its way out leaves room in time.
  const isTaken = shadow !== undefined || (other !== undefined && other.metadata.deletionTimestamp === undefined);
  const words = await refusalOf(home, newObjectOf(plan, pod), signal);
  const twin = { kind: 'namespace', name: twinNamespace } as const;
  const all = [
    ...findings,
    ...nodeDifferences({ kind: 'node', name: peer.virtualNode }, facts, there.facts),
    ...targetRuntimeFindings(there.helper),
    ...roomFindings(source, target, inspection),
    ...[source, target].flatMap(helperLimitFindings),
    ...limitRangeFindings(pod, helper, home.name),
    ...limitRangeFindings(pod, there.helper, peer.virtualNode),
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
  if (blockers.length > 0) throw refusal(`pod ${pod.metadata.namespace}/${pod.metadata.name}`, blockers);
  return all;
}
