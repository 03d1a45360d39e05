import type { Right } from '../preflight/rights.ts';
import type { Move } from './plan.ts';
import { undoingWrites, writesOf } from './steps.ts';
import { workloads } from './workloads.ts';
import { rightOf, type Write } from './write.ts';

const offloading = 'offloading.liqo.io';

/** What making a plan reads at home: without these rights there is none, and the server says so. */
export function rightsOfPlan({ pod, peer }: Pick<Move, 'pod' | 'peer'>): Right[] {
  const { namespace = '' } = pod.metadata;
  return [
    { verb: 'list', group: offloading, resource: 'virtualnodes' },
    { verb: 'get', resource: 'nodes' },
    { verb: 'get', resource: 'pods', namespace },
    { verb: 'get', group: offloading, resource: 'namespaceoffloadings', namespace },
    { verb: 'get', group: offloading, resource: 'namespacemaps', namespace: peer.tenantNamespace, name: peer.clusterId },
    { verb: 'get', group: 'ipam.liqo.io', resource: 'ips', namespace: 'liqo', name: 'api-server' },
  ];
}

/** What finding pods reads besides, when whoever keeps them is named: nobody else needs these rights. */
export function rightsOfSelection(namespace: string): Right[] {
  const inApi = ({ group, resource }: (typeof workloads)[keyof typeof workloads], verb: string): Right => ({
    verb,
    ...(group === '' ? {} : { group }),
    resource,
    namespace,
  });
  return [...Object.values(workloads).map((one) => inApi(one, 'get')), inApi(workloads.ReplicaSet, 'list')];
}

/**
 * The rights at home that a plan does not use itself, but the steps after it do. A WebSocket to `pods/exec` is a `get`, and
 * Kubernetes 1.35 and newer ask for `create` besides.
 */
export function rightsOfSteps(move: Move): Right[] {
  const { pod, peer } = move;
  const { namespace = '' } = pod.metadata;
  const reads: Right[] = [
    ...['list', 'watch'].map((verb) => ({ verb, resource: 'pods', namespace })),
    ...['create', 'get'].map((verb) => ({ verb, resource: 'pods/exec', namespace })),
    { verb: 'get', resource: 'secrets', namespace: peer.tenantNamespace, name: peer.kubeconfigSecret },
    ...(move.owner ? ['list', 'watch'].map((verb) => ({ verb, resource: 'events', namespace })) : []),
    ...(move.quiesce ? ['get', 'list', 'watch'].map((verb) => ({ verb, resource: 'endpoints', namespace })) : []),
  ];
  return eachOnce([...rightsOfWrites(move, 'home'), ...reads]);
}

/** What Liqo's user has to have at the peer, as far as it concerns what is only made on the way. */
export function rightsAtPeer(move: Move): Right[] {
  const namespace = move.twinNamespace;
  const reads: Right[] = [
    { verb: 'get', group: offloading, resource: 'shadowpods', namespace },
    ...(move.tokens.length === 0 ? [] : [{ verb: 'get', resource: 'secrets', namespace }]),
  ];
  return eachOnce([...reads, ...rightsOfWrites(move, 'peer')]);
}

function rightsOfWrites(move: Move, at: Write['at']): Right[] {
  return [...writesOf(move), ...undoingWrites(move)].filter((write) => write.at === at).map(rightOf);
}

/** Those of one resource side by side. */
function eachOnce(rights: readonly Right[]): Right[] {
  const grouped = Object.groupBy(rights, ({ group = '', resource }) => `${group}/${resource}`);
  return Object.values(grouped).flatMap((ones = []) => [...new Map(ones.map((one) => [JSON.stringify(one), one])).values()]);
}
