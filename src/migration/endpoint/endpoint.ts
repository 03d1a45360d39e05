import type { Pod } from '../../kube/types.ts';
import type { Role } from '../../protocol/agent-calls.ts';
import type { Pins } from '../helpers/images.ts';
import type { AgentSession } from '../helpers/session.ts';

/** What has become of the pod, when its ends are cleaned. */
export type Outcome = 'moved' | 'given-up';

/** A helper that was made, and whose agent is attended. */
export interface Started {
  readonly agent: AgentSession;
  /** As the home cluster has it. */
  readonly helper: Pod;
  /** The images that the pod must name by digest there. */
  readonly pins: Pins;
}

/** One end of a migration: a node of a cluster, and the agent there. home.ts and peer.ts make them. */
export interface Endpoint {
  readonly role: Role;
  /** Undefined as long as, or if, nobody knows it. */
  node: string | undefined;
  /** Undefined before it is attended, and when it is dead. */
  agent: AgentSession | undefined;
  /** For messages: `node home-1`. */
  readonly where: () => string;
  /** Makes the helper pod there, and attends its agent. @throws MigrateError when it will not run */
  readonly startAgent: (say: (message: string) => void, signal: AbortSignal) => Promise<Started>;
  /**
   * Removes what the migration has on the node: by the agent, or by what takes its place when that is dead. At the source of a pod
   * that has not moved it runs on by then.
   *
   * @throws Error with what is left, TakenOver
   */
  readonly clean: (outcome: Outcome) => Promise<void>;
}
