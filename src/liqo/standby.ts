import type { Pod } from '../kube/types.ts';
import { forgeShadowPod, type ShadowPod } from './forge-shadow-pod.ts';
import { destinationLabel, managedByLabel, managedByValue, migrationLabel, nodeNameLabel } from './names.ts';
import type { Peer } from './peer.ts';

/**
 * The ShadowPod that stands by for a pod while that still runs at home. Without the labels `destination` and
 * `nodename` the virtual kubelet neither adopts nor deletes it.
 *
 * It differs from the genuine one in `nodeName` alone, which ties it to the node whose agent awaits it. That stays
 * after the adoption, because Liqo's webhook lets nobody change a ShadowPod's placement (pod.CheckShadowPodUpdate).
 */
export function standbyShadowPod(pod: Pod, peer: Peer, twinNamespace: string, nodeName: string, migration: string): ShadowPod {
  const genuine = forgeShadowPod(pod, peer, twinNamespace);
  const { [destinationLabel]: _destination, [nodeNameLabel]: _nodeName, ...labels } = genuine.metadata.labels ?? {};
  return {
    ...genuine,
    metadata: { ...genuine.metadata, labels: { ...labels, [managedByLabel]: managedByValue, [migrationLabel]: migration } },
    spec: { pod: { ...genuine.spec.pod, nodeName } },
  };
}

/** The merge patch after which the virtual kubelet takes the ShadowPod for its own, with the user's labels alone. */
export function adoptionPatch(pod: Pod, peer: Peer): unknown {
  const own = pod.metadata.labels ?? {};
  return {
    metadata: {
      labels: {
        [destinationLabel]: peer.clusterId,
        [nodeNameLabel]: peer.virtualNode,
        [managedByLabel]: own[managedByLabel] ?? null,
        [migrationLabel]: own[migrationLabel] ?? null,
      },
    },
  };
}
