import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject } from '../kube/types.ts';
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
  const hint = `liqoctl offload namespace ${namespace}`;
  const offloading = await connection
    .get<NamespaceOffloading>(`/apis/offloading.liqo.io/v1beta1/namespaces/${namespace}/namespaceoffloadings/offloading`, signal)
    .catch((cause: unknown) => {
      if (!isNotFound(cause)) throw cause;
      throw new MigrateError('refused', `namespace ${namespace} of cluster ${connection.name} is not offloaded by Liqo`, { cause, hint });
    });
  const path = `/apis/offloading.liqo.io/v1beta1/namespaces/${peer.tenantNamespace}/namespacemaps/${peer.clusterId}`;
  const map = await connection.get<NamespaceMap>(path, signal);
  const mapping = map.status?.currentMapping?.[namespace];
  if (!mapping) throw new MigrateError('refused', `namespace ${namespace} is offloaded, but not to ${peer.virtualNode}`, { hint });
  if (mapping.phase !== 'Accepted') {
    throw new MigrateError('refused', `the twin of namespace ${namespace} at ${peer.virtualNode} is not usable: ${mapping.phase}`, {
      hint,
    });
  }
  if (offloading.spec.podOffloadingStrategy === 'Local') {
    throw new MigrateError('refused', `namespace ${namespace} is offloaded with strategy Local: its pods must stay at home`, {
      hint: `liqoctl unoffload namespace ${namespace}; ${hint} --pod-offloading-strategy LocalAndRemote`,
    });
  }
  return mapping.remoteNamespace;
}
