import type { KubeConnection } from '../kube/connection.ts';
import { KubeError, unlessNotFound } from '../kube/errors.ts';
import type { KubeObject, Pod } from '../kube/types.ts';
import type { Peer } from '../liqo/peer.ts';
import { finding, type Finding } from './finding.ts';

/**
 * With Liqo's network fabric each pod on a virtual node has an object `IP` of its name in its namespace, and Liqo's IP controller deletes
 * the Service and the EndpointSlice of that name, as it takes them for what it makes itself (Liqo 1.2.0:
 * pkg/liqo-controller-manager/networking/ip-controller/exposition.go). Whoever made that Service, its clients are left with nothing.
 */
export async function serviceOfItsName(connection: KubeConnection, pod: Pod, peer: Peer, signal: AbortSignal): Promise<Finding[]> {
  if (peer.homeApiServerAddress === undefined) return [];
  const { name, namespace = '' } = pod.metadata;
  const on = { kind: 'namespace', name: namespace } as const;
  try {
    const found = await connection.get<KubeObject>(`/api/v1/namespaces/${namespace}/services/${name}`, signal).catch(unlessNotFound);
    if (found === undefined) return [];
    const text = `service ${namespace}/${name} has the pod's name: Liqo, with its network fabric, would delete it when the pod is on ${peer.virtualNode}`;
    return [finding('KM-SERVICE-NAME', on, text, 'make a Service of another name with the same selector, and have its clients use that')];
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== 403) throw error;
    const text = `you may not get services ${name} in namespace ${namespace} of cluster ${connection.name}`;
    return [
      finding(
        'KM-RIGHTS',
        on,
        text,
        'Liqo, with its network fabric, deletes a Service that has the name of a pod at a peer: a move has to look for one',
      ),
    ];
  }
}
