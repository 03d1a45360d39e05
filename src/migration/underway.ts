import type { KubeConnection } from '../kube/connection.ts';
import type { AgentSession } from './helpers/session.ts';
import type { Clusters, MadeRecord } from './made.ts';
import type { Move } from './plan.ts';

/** A migration as far as it has come: who is at work, and what there is to be rolled back. Filled in on the way. */
export interface Underway {
  readonly move: Move;
  readonly clusters: Clusters & { readonly home: KubeConnection };
  readonly made: MadeRecord;
  source: AgentSession | undefined;
  target: AgentSession | undefined;
  /** The peer's node on which the target helper is. */
  targetNode: string | undefined;
}
