import type { Pod } from '../kube/types.ts';
import { forgeShadowPod, type ShadowPod } from './forge-shadow-pod.ts';
import { destinationLabel, localPodLabel, managedByLabel, managedByValue, migrationLabel, nodeNameLabel } from './names.ts';
import type { Peer } from './peer.ts';

/**
 * The ShadowPod that stands by for a pod while that still runs at home. Without the label `nodename` nothing that happens to
 * it makes the virtual kubelet look at it, so that this neither adopts nor deletes it (Liqo: reflection/workload/shadowpod.go).
 * With the label `destination` it is the virtual kubelet's own as soon as that meets a pod of the name on its node, and goes when
 * that pod does; without it the virtual kubelet leaves it alone, whatever becomes of that pod (podns.go, Handle: IsReflected).
 *
 * Its specification differs from the genuine one in `nodeName` alone, which ties it to the node whose agent awaits it.
 * That stays after the adoption: Liqo's webhook lets nobody change a ShadowPod's placement (pod.CheckShadowPodUpdate).
 * Until it is marked ({@link markingPatch}) it belongs to the helper pod, and goes with it.
 *
 * @param helper the target helper as the peer's API server has it
 * @param isOwn whether the virtual kubelet may take it for its own as soon as the new object is there
 */
export function standbyShadowPod(pod: Pod, peer: Peer, twinNamespace: string, helper: Pod, isOwn: boolean): ShadowPod {
  const genuine = forgeShadowPod(pod, peer, twinNamespace);
  const { [nodeNameLabel]: _nodeName, [destinationLabel]: destination, ...labels } = genuine.metadata.labels ?? {};
  return {
    ...genuine,
    metadata: {
      ...genuine.metadata,
      labels: { ...labels, ...(isOwn && destination !== undefined ? { [destinationLabel]: destination } : {}) },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: helper.metadata.name, uid: helper.metadata.uid ?? '' }],
    },
    spec: { pod: { ...genuine.spec.pod, nodeName: helper.spec.nodeName ?? '' } },
  };
}

/**
 * The merge patch that marks a standby ShadowPod as ours, for when its pod exists, and takes it from its helper: soon
 * the pod may be all that there is, and must not go because somebody deletes a helper. Not earlier: Liqo's controller gives
 * a pod the ShadowPod's labels when it creates it, and could never take those away again; what it applies later it can
 * (shadowpod_controller.go: Create with one field operation, then server-side apply with another).
 *
 * @param uid of the ShadowPod that is meant: a patch with another one is refused
 */
export function markingPatch(pod: Pod, migration: string, uid: string): unknown {
  const own = pod.metadata.labels ?? {};
  return {
    metadata: {
      uid,
      ownerReferences: null,
      labels: { [migrationLabel]: migration, ...(own[managedByLabel] === undefined ? { [managedByLabel]: managedByValue } : {}) },
    },
  };
}

/**
 * The merge patch after which the virtual kubelet takes the ShadowPod for its own, with the user's labels alone. Not before
 * {@link isSeen}: a virtual kubelet that meets its label on a ShadowPod, and knows no pod of that name on its node,
 * deletes the ShadowPod (Liqo: reflection/workload/podns.go, Handle), and the moved pod with it.
 *
 * @param uid of the ShadowPod that is meant: a patch with another one is refused
 * @param standing the pod as the ShadowPod was made from it: what its user has taken away since, the virtual kubelet would
 *   leave there, as it was not the one that wrote it
 */
export function adoptionPatch(pod: Pod, peer: Peer, uid: string, standing: Pod = pod): unknown {
  const own = pod.metadata.labels ?? {};
  return {
    metadata: {
      uid,
      annotations: takenAway(standing.metadata.annotations, pod.metadata.annotations),
      labels: {
        ...takenAway(standing.metadata.labels, own),
        [destinationLabel]: peer.clusterId,
        [nodeNameLabel]: peer.virtualNode,
        [managedByLabel]: own[managedByLabel] ?? null,
        [migrationLabel]: own[migrationLabel] ?? null,
      },
    },
  };
}

/**
 * Whether the virtual kubelet knows of a pod on its node: the first that it does is to label it (podns.go, HandleLabels). It does not
 * for the sake of a ShadowPod that is not its own; there events tell it ({@link tellingEvents}).
 */
export function isSeen(pod: Pod | undefined): boolean {
  return pod?.metadata.labels?.[localPodLabel] !== undefined;
}

/**
 * The events that tell that the virtual kubelet knows of a pod: it has found it in what it has heard from its API server, and has left
 * alone a ShadowPod of that name (podns.go, Handle: EventFailedReflectionAlreadyExistsMsg; recorder of reflection/workload/pod.go).
 *
 * @param uid the pod's
 */
export function tellingEvents(uid: string): string {
  return `involvedObject.uid=${uid},source=liqo-pod-reflection`;
}

function takenAway(before: Readonly<Record<string, string>> = {}, now: Readonly<Record<string, string>> = {}): Record<string, null> {
  return Object.fromEntries(
    Object.keys(before)
      .filter((key) => now[key] === undefined)
      .map((key) => [key, null]),
  );
}
