import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound, KubeError, serverWords } from '../kube/errors.ts';
import { podRequest } from '../kube/pod-requests.ts';
import { quantity } from '../kube/quantity.ts';
import type { Pod } from '../kube/types.ts';
import { twinNamespace } from '../liqo/twin-namespace.ts';
import { requireReady, virtualNodes, type Node, type VirtualNode } from '../liqo/virtual-nodes.ts';
import { finding, type Finding } from './finding.ts';

/** A peered cluster that pods of one namespace can be moved to, or what is missing for it. */
export interface Target {
  /** The virtual node that stands for it. */
  readonly name: string;
  readonly clusterId: string;
  readonly isReady: boolean;
  /** What its node gives to pods less what those on it request; null when their list may not be read. */
  readonly free: { readonly cpuMillis: number; readonly memoryBytes: number; readonly pods: number } | null;
  /** The namespace there that stands for the one of the pods. */
  readonly twinNamespace: string | null;
  /** Liqo's namespace at home with what belongs to this peer. */
  readonly tenantNamespace: string;
  /** The version that the virtual node tells. */
  readonly version: string;
  /** What is in the way of moving a pod there. */
  readonly findings: readonly Finding[];
}

/**
 * Looks at all peers of a cluster, with the eyes of a pod in that namespace. Reads only.
 *
 * @throws MigrateError (refused) when Liqo is not there
 */
export async function listTargets(connection: KubeConnection, namespace: string, signal: AbortSignal): Promise<Target[]> {
  const nodes = await virtualNodes(connection, signal);
  const targets = await Promise.all(nodes.map(async (node) => describeTarget(connection, namespace, node, signal)));
  return targets.toSorted((a, b) => a.name.localeCompare(b.name));
}

async function describeTarget(connection: KubeConnection, namespace: string, virtual: VirtualNode, signal: AbortSignal): Promise<Target> {
  const { name, namespace: tenantNamespace = '' } = virtual.metadata;
  const on = { kind: 'cluster', name: connection.name } as const;
  const peer = { virtualNode: name, clusterId: virtual.spec.clusterID, tenantNamespace };
  const findings: Finding[] = [];
  /** What refuses a migration is told as a finding; a server that cannot be reached is an error here too. */
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof MigrateError && error.findings.length > 0) findings.push(...error.findings);
      else if (error instanceof KubeError && error.code !== 0) findings.push(finding('KM-SERVER-REFUSES', on, serverWords(error)));
      else throw error;
      return null;
    }
  };
  const node = await attempt(async () => connection.get<Node>(`/api/v1/nodes/${name}`, signal));
  const isReady = node !== null && (await attempt(async () => requireReady(connection, node))) !== null;
  const twin = await attempt(async () => twinNamespace(connection, namespace, peer, signal));
  return {
    name,
    clusterId: peer.clusterId,
    isReady,
    free: node && (await freeOn(connection, node, signal)),
    twinNamespace: twin,
    tenantNamespace,
    version: node?.status?.nodeInfo?.kubeletVersion ?? '',
    findings,
  };
}

async function freeOn(connection: KubeConnection, { metadata, status }: Node, signal: AbortSignal): Promise<Target['free']> {
  const query = { fieldSelector: `spec.nodeName=${metadata.name},status.phase!=Succeeded,status.phase!=Failed` };
  try {
    const { items } = await connection.list<Pod>('/api/v1/pods', signal, query);
    const free = (resource: string): number =>
      quantity(status?.allocatable?.[resource]) - items.reduce((sum, pod) => sum + podRequest(pod, resource), 0);
    return {
      cpuMillis: Math.round(free('cpu') * 1000),
      memoryBytes: Math.round(free('memory')),
      pods: quantity(status?.allocatable?.['pods']) - items.length,
    };
  } catch (error) {
    if (error instanceof KubeError && (error.code === 403 || isNotFound(error))) return null;
    throw error;
  }
}
