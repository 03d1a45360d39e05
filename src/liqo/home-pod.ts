import type { Pod } from '../kube/types.ts';
import { localPodLabel, virtualNodeToleration } from './names.ts';
import type { Peer } from './peer.ts';

/**
 * The pod object that stands for the moved pod in the home cluster: what its user wrote, on the peer's virtual node.
 * Liqo's webhook adds its toleration to every new pod of an offloaded namespace without looking whether it is there,
 * so the old one is left out.
 */
export function homePod(pod: Pod, peer: Peer): Pod {
  const { name, generateName, namespace, annotations, ownerReferences, finalizers } = pod.metadata;
  const { [localPodLabel]: _reflected, ...labels } = pod.metadata.labels ?? {};
  const tolerations = (pod.spec.tolerations ?? []).filter(({ key }) => key !== virtualNodeToleration.key);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(generateName === undefined ? {} : { generateName }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(ownerReferences ? { ownerReferences } : {}),
      ...(finalizers ? { finalizers } : {}),
    },
    spec: { ...pod.spec, tolerations, nodeName: peer.virtualNode },
  };
}
