import type { Pod } from '../kube/types.ts';
import {
  antiAffinityAnnotation,
  antiAffinityLabelsAnnotation,
  destinationLabel,
  localPodLabel,
  nodeNameLabel,
  originLabel,
} from './names.ts';
import type { Peer } from './peer.ts';

/** Labels that differ between the replicas of one workload (Liqo: forge.FilterAntiAffinityLabels). */
const perReplica = ['controller-revision-hash', 'pod-template-hash', 'statefulset.kubernetes.io/pod-name'];

/**
 * The affinity of a reflected pod: none of its own, but the virtual node's patch, or else one of Liqo's presets,
 * which (being applied last) takes the patch's place.
 */
export function forgeAffinity(pod: Pod, peer: Peer): Record<string, unknown> | undefined {
  const { nodeAffinity } = peer.offloadingPatch.affinity ?? {};
  return presetOf(pod, peer) ?? (nodeAffinity ? { nodeAffinity } : undefined);
}

function presetOf(pod: Pod, peer: Peer): Record<string, unknown> | undefined {
  const annotations = pod.metadata.annotations ?? {};
  const preset = annotations[antiAffinityAnnotation];
  if (preset === 'propagate') {
    const own = pod.spec.affinity?.['podAntiAffinity'];
    return own === undefined ? undefined : { podAntiAffinity: own };
  }
  const term = {
    labelSelector: { matchLabels: presetLabels(pod, peer, annotations[antiAffinityLabelsAnnotation]) },
    topologyKey: 'kubernetes.io/hostname',
  };
  if (preset === 'soft') {
    return { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] } };
  }
  return preset === 'hard' ? { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } : undefined;
}

/** The mutator sees the labels after filtering, with the node's name but without the reflection labels. */
function presetLabels(pod: Pod, peer: Peer, only: string | undefined): Record<string, string> {
  const skipped = [localPodLabel, originLabel, destinationLabel, ...(peer.offloadingPatch.labelsNotReflected ?? [])];
  const labels = { ...pod.metadata.labels, [nodeNameLabel]: peer.virtualNode };
  const wanted = only ? only.split(',') : undefined;
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => !skipped.includes(key) && (wanted ? wanted.includes(key) : !perReplica.includes(key))),
  );
}
