import type { KubeConnection } from '../kube/connection.ts';
import type { Endpoint } from './endpoint/endpoint.ts';
import { homeEndpoint, type HomeEndpoint } from './endpoint/home.ts';
import { peerEndpoint } from './endpoint/peer.ts';
import type { Drain } from '../quiesce/drain.ts';
import { MadeRecord, type Clusters } from './made.ts';
import type { Move } from './plan.ts';

/** What both ends of a migration stand on. */
export interface Ground {
  /** Of a migration that another command has begun, more of it may be learned on the way. */
  move: Move;
  readonly clusters: Clusters & { readonly home: KubeConnection };
  readonly made: MadeRecord;
}

/** A migration as far as it has come: who is at work, and what there is to be rolled back. Filled in on the way. */
export interface Underway extends Ground {
  readonly source: HomeEndpoint;
  readonly target: Endpoint;
  /** As long as the pod's address is kept out of its Endpoints. */
  draining: Drain | undefined;
}

export function begin(move: Move, home: KubeConnection): Underway {
  const clusters = { home };
  const ground: Ground = { move, clusters, made: new MadeRecord(move.id, clusters) };
  return Object.assign(ground, { source: homeEndpoint(ground), target: peerEndpoint(ground), draining: undefined });
}
