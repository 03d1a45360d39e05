import type { Pod } from '../kube/types.ts';
import { isCarried, isReflected } from '../preflight/pod.ts';
import type { PodOnNode } from '../protocol/agent-calls.ts';

/** The pod's parts as the source agent has to find them. */
export function podOnNode({ metadata, spec, status }: Pod): PodOnNode {
  const volumes = spec.volumes ?? [];
  return {
    uid: metadata.uid ?? '',
    containers: (status?.containerStatuses ?? []).map(({ name, containerID }) => ({ name, id: containerID ?? '' })),
    volumes: volumes.filter(isCarried).map(({ name }) => name),
    projected: volumes.filter(isReflected).map(({ name }) => name),
    addresses: (status?.podIPs ?? []).map(({ ip }) => ip),
  };
}
