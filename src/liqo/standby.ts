import type { Pod } from '../kube/types.ts';
import { forgeShadowPod, type ShadowPod } from './forge-shadow-pod.ts';
import { destinationLabel, managedByLabel, managedByValue, migrationLabel, nodeNameLabel } from './names.ts';
import type { Peer } from './peer.ts';

/**
 * The ShadowPod that stands by for a pod while that still runs at home. Without the labels `destination` and
 * `nodename` the virtual kubelet neither adopts nor deletes it.
 *
 * Its specification differs from the genuine one in `nodeName` alone, which ties it to the node whose agent awaits it.
 * That stays after the adoption: Liqo's webhook lets nobody change a ShadowPod's placement (pod.CheckShadowPodUpdate).
 * Until then it belongs to the helper pod, so that it goes when a killed migration's helpers are deleted.
 *
 * @param helper the target helper as the peer's API server has it
 */
export function standbyShadowPod(pod: Pod, peer: Peer, twinNamespace: string, helper: Pod, migration: string): ShadowPod {
  const genuine = forgeShadowPod(pod, peer, twinNamespace);
  const { [destinationLabel]: _destination, [nodeNameLabel]: _nodeName, ...labels } = genuine.metadata.labels ?? {};
  return {
    ...genuine,
    metadata: {
      ...genuine.metadata,
      labels: { ...labels, [managedByLabel]: managedByValue, [migrationLabel]: migration },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: helper.metadata.name, uid: helper.metadata.uid ?? '' }],
    },
    spec: { pod: { ...genuine.spec.pod, nodeName: helper.spec.nodeName ?? '' } },
  };
}

/** The merge patch after which the virtual kubelet takes the ShadowPod for its own, with the user's labels alone. */
export function adoptionPatch(pod: Pod, peer: Peer): unknown {
  const own = pod.metadata.labels ?? {};
  return {
    metadata: {
      ownerReferences: null,
      labels: {
        [destinationLabel]: peer.clusterId,
        [nodeNameLabel]: peer.virtualNode,
        [managedByLabel]: own[managedByLabel] ?? null,
        [migrationLabel]: own[migrationLabel] ?? null,
      },
    },
  };
}
