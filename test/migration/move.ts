import type { Pod } from '../../src/kube/types.ts';
import type { Peer } from '../../src/liqo/peer.ts';
import type { Move } from '../../src/migration/plan.ts';
import { partsOf } from '../../src/preflight/carried.ts';

/** A move of that pod from `home-1` to `away`. */
export function moveOf(pod: Pod, other: Partial<Move> = {}): Move & { sourceNode: string } {
  const peer = { virtualNode: 'away' } as Peer;
  return { id: 'm', pod, ...partsOf(pod), sourceNode: 'home-1', peer, twinNamespace: 'demo', agentImage: 'agent:1', ...other };
}
