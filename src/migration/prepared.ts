import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/types.ts';
import type { Inspection } from '../protocol/agent-calls.ts';
import type { Pins } from './helpers/images.ts';
import type { AgentSession } from './helpers/session.ts';
import type { UnblockedPlan } from './plan.ts';
import type { Underway } from './underway.ts';

/** A migration with both agents at work and nothing of the pod touched yet. */
export interface Prepared {
  readonly plan: UnblockedPlan;
  readonly underway: Underway;
  readonly home: KubeConnection;
  readonly remote: KubeConnection;
  readonly source: AgentSession;
  readonly target: AgentSession;
  /** The target helper as the peer's API server has it. */
  readonly targetTwin: Pod;
  /** The peer's node on which that is. */
  readonly targetNode: string;
  /** Images that the pod at the peer names by digest. */
  readonly pins: Pins;
  /** What the source agent found in the pod before anything was touched, and of the findings of both those that do not block. */
  readonly inspection: Inspection;
}
