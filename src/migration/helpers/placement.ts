import type { Pod, Toleration } from '../../kube/types.ts';
import { forgeAffinity } from '../../liqo/forge-affinity.ts';
import { antiAffinityAnnotation, virtualNodeToleration } from '../../liqo/names.ts';
import type { Peer } from '../../liqo/peer.ts';

/** What of the target helper's object decides where the peer's scheduler puts it. */
export interface Placement {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Partial<Pod['spec']>;
}

/**
 * Lets the target helper go wherever the moved pod could, and nowhere else: the pod follows it to its node, past the
 * scheduler. Liqo hands on tolerations and topology spread constraints as they are; of affinity it hands on what its
 * presets make of a pod's labels, which a helper does not have, or must not: so the helper says it in full.
 */
export function helperPlacement(pod: Pod, peer: Peer): Placement {
  const { tolerations = [], topologySpreadConstraints } = pod.spec;
  const podAntiAffinity = forgeAffinity(pod, peer)?.['podAntiAffinity'];
  const own = tolerations.filter(({ key }) => key !== virtualNodeToleration.key);
  return {
    annotations: podAntiAffinity === undefined ? {} : { [antiAffinityAnnotation]: 'propagate' },
    spec: {
      tolerations: [virtualNodeToleration, ...own] satisfies readonly Toleration[],
      ...(podAntiAffinity === undefined ? {} : { affinity: { podAntiAffinity } }),
      ...(topologySpreadConstraints === undefined ? {} : { topologySpreadConstraints }),
    },
  };
}
