import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/types.ts';
import type { Inspection, PodOnNode } from '../protocol/agent-calls.ts';
import type { AgentSession } from './agent-session.ts';
import type { MigrationRequest } from './contract.ts';
import type { Pins } from './images.ts';
import type { Plan } from './plan.ts';

/** A migration with both agents at work and nothing of the pod touched yet. */
export interface Prepared {
  readonly plan: Plan & { readonly id: string };
  readonly home: KubeConnection;
  readonly remote: KubeConnection;
  readonly source: AgentSession;
  readonly target: AgentSession;
  /** The target helper as the peer's API server has it: it tells the real node. */
  readonly targetTwin: Pod;
  /** Images that the pod at the peer names by digest. */
  readonly pins: Pins;
  readonly podOnNode: PodOnNode;
  /** What the source agent found in the pod before anything was touched, and of the findings of both those that do not block. */
  readonly inspection: Inspection;
  readonly request: MigrationRequest;
}
