import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/types.ts';
import { finding } from '../preflight/finding.ts';
import { refusalBy } from '../preflight/refusal.ts';
import type { Peer } from './peer.ts';

interface NamespaceMap extends KubeObject {
  status?: { currentMapping?: Record<string, { remoteNamespace: string; phase: string }> };
}

interface NamespaceOffloading extends KubeObject {
  spec: { podOffloadingStrategy?: string };
}

/**
 * The namespace at the peer that Liqo keeps for a home namespace.
 *
 * @throws MigrateError (refused) when the namespace is not offloaded to that peer
 */
export async function twinNamespace(
  connection: KubeConnection,
  namespace: string,
  peer: Pick<Peer, 'virtualNode' | 'clusterId' | 'tenantNamespace'>,
  signal: AbortSignal,
): Promise<string> {
  const on = { kind: 'namespace', name: namespace } as const;
  const remedy = `liqoctl offload namespace ${namespace}`;
  const offloading = await connection
    .get<NamespaceOffloading>(`/apis/offloading.liqo.io/v1beta1/namespaces/${namespace}/namespaceoffloadings/offloading`, signal)
    .catch((cause: unknown) => {
      if (!isNotFound(cause)) throw cause;
      const text = `namespace ${namespace} of cluster ${connection.name} is not offloaded by Liqo`;
      throw refusalBy(finding('KM-NOT-OFFLOADED', on, text, remedy), cause);
    });
  const path = `/apis/offloading.liqo.io/v1beta1/namespaces/${peer.tenantNamespace}/namespacemaps/${peer.clusterId}`;
  const map = await connection.get<NamespaceMap>(path, signal);
  const mapping = map.status?.currentMapping?.[namespace];
  if (!mapping)
    throw refusalBy(finding('KM-NOT-OFFLOADED', on, `namespace ${namespace} is offloaded, but not to ${peer.virtualNode}`, remedy));
  if (mapping.phase !== 'Accepted') {
    const text = `the twin of namespace ${namespace} at ${peer.virtualNode} is not usable: ${mapping.phase}`;
    throw refusalBy(finding('KM-TWIN-NAMESPACE', on, text, remedy));
  }
  if (offloading.spec.podOffloadingStrategy === 'Local') {
    const text = `namespace ${namespace} is offloaded with strategy Local: its pods must stay at home`;
    const again = `liqoctl unoffload namespace ${namespace}; ${remedy} --pod-offloading-strategy LocalAndRemote`;
    throw refusalBy(finding('KM-NOT-OFFLOADED', on, text, again));
  }
  return mapping.remoteNamespace;
}
