import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeList, KubeObject, Toleration } from '../kube/types.ts';
import { finding } from '../preflight/finding.ts';
import { refusalBy } from '../preflight/refusal.ts';

export interface OffloadingPatch {
  labelsNotReflected?: string[];
  annotationsNotReflected?: string[];
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: { nodeAffinity?: Record<string, unknown> };
  runtimeClassName?: string;
}

/** Liqo's object behind a node that stands for a peered cluster. */
export interface VirtualNode extends KubeObject {
  spec: {
    clusterID: string;
    offloadingPatch?: OffloadingPatch;
    kubeconfigSecretRef?: { name: string };
    template?: { spec?: { template?: { spec?: { containers?: { args?: string[] }[] } } } };
  };
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

export interface Node extends KubeObject {
  spec?: { taints?: readonly Taint[] };
  status?: {
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string; message?: string }[];
    nodeInfo?: { kubeletVersion?: string };
  };
}

/** All virtual nodes of a cluster. @throws MigrateError (refused) when Liqo is not there */
export async function virtualNodes(connection: KubeConnection, signal: AbortSignal): Promise<VirtualNode[]> {
  try {
    return (await connection.get<KubeList<VirtualNode>>('/apis/offloading.liqo.io/v1beta1/virtualnodes', signal)).items;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const on = { kind: 'cluster', name: connection.name } as const;
    const remedy = 'install Liqo 1.0 or newer and peer the clusters: liqoctl install, liqoctl peer';
    throw refusalBy(finding('KM-NO-LIQO', on, `cluster ${connection.name} has no Liqo (no virtual nodes are known there)`, remedy), error);
  }
}

/** Why a node is not ready, in its own words; undefined when it is. */
export function whyNotReady(node: Node): string | undefined {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? undefined : (ready?.message ?? 'it tells no state');
}

/** @throws MigrateError (refused) that says so of a node which is not ready */
export function requireReady(connection: KubeConnection, node: Node): void {
  const why = whyNotReady(node);
  if (why === undefined) return;
  const { name } = node.metadata;
  const text = `virtual node ${name} in cluster ${connection.name} is not ready: ${why}`;
  const remedy = 'liqoctl info peer tells what is wrong with the peering';
  throw refusalBy(finding('KM-PEER-NOT-READY', { kind: 'node', name }, text, remedy));
}
