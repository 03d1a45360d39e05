import type { PodOnNode } from '../protocol/agent-calls.ts';
import type { Move } from './plan.ts';

/** The pod's parts as the source agent has to find them. */
export function podOnNode({ pod: { metadata, status }, carries, reflected }: Pick<Move, 'pod' | 'carries' | 'reflected'>): PodOnNode {
  return {
    uid: metadata.uid ?? '',
    containers: (status?.containerStatuses ?? []).map(({ name, containerID }) => ({ name, id: containerID ?? '' })),
    volumes: carries.flatMap((one) => (one.kind === 'volume' ? [one.name] : [])),
    projected: reflected,
    addresses: (status?.podIPs ?? []).map(({ ip }) => ip),
  };
}
