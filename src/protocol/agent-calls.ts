import type { Finding } from '../preflight/finding.ts';
import type { Quiet } from './checked-quiet.ts';
import type { SourceFact, TargetFact } from './settle.ts';

/**
 * What the CLI asks of an agent (src/protocol/rpc.ts carries it, through exec). Every call belongs to the one
 * migration that the agent was started for.
 */

/** Which end of a migration an agent is; it knows the calls of that end alone. */
export const roles = ['source', 'target'] as const;
export type Role = (typeof roles)[number];

/** What an agent is, and how it stands. */
export interface Hello {
  /** The agent's clock, ms since 1970. */
  readonly now: number;
  /** The agent and the CLI speak to each other only when both are of one version. */
  readonly version: string;
  readonly role: Role;
  readonly migration: string;
  /** The state of the agent's machine, for a person. */
  readonly state: string;
  /** Whether a CLI attends this migration now: it was heard within the last seconds. */
  readonly isAttended: boolean;
  /** Whether that one has a connection; without one it may be dead, or about to open the next. */
  readonly isConnected: boolean;
}

export interface ContainerRef {
  readonly name: string;
  /** As the pod's status tells it, e.g. `containerd://…`. */
  readonly id: string;
}

export interface PodOnNode {
  readonly uid: string;
  readonly containers: readonly ContainerRef[];
  /** Names of emptyDir volumes. */
  readonly volumes: readonly string[];
  /** Names of ConfigMap, Secret, downward API and projected volumes. */
  readonly projected: readonly string[];
  /** The pod's addresses at the source. */
  readonly addresses: readonly string[];
}

/** Bytes that a node has free, and those of them that its kubelet keeps: with less it evicts pods. */
export interface NodeRoom {
  /** Of the file system that migrations are staged in. */
  readonly diskFreeBytes: number;
  readonly diskKeptBytes: number;
  readonly memoryFreeBytes: number;
  readonly memoryKeptBytes: number;
}

/** What both ends must have in common, and what a report shows. */
export interface NodeFacts {
  readonly architecture: string;
  readonly kernel: string;
  readonly cgroupVersion: 1 | 2;
  readonly cpuFlags: readonly string[];
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly room: NodeRoom;
  /** Limits of the helper's own container, by what became of them. */
  readonly helperLimits: { readonly lifted: readonly string[]; readonly left: readonly string[] };
}

export interface Inspection {
  readonly facts: NodeFacts;
  /** Bytes of memory that a checkpoint of the whole pod would hold, about. */
  readonly memoryBytes: number;
  /** Bytes of the files that travel, as they are now. */
  readonly fileBytes: number;
  /** Of these, the bytes of files that have changed within half a minute: about what is left to send in the freeze. */
  readonly dirtyBytes: number;
  /** What makes a checkpoint impossible, and what will not be as it was. */
  readonly findings: readonly Finding[];
}

export interface AwaitedPod {
  readonly namespace: string;
  readonly pod: string;
  readonly containers: readonly string[];
  readonly initContainers: readonly string[];
  /** Seconds from now after which nobody waits any more. */
  readonly deadlineSeconds: number;
}

/** Connections with one address. */
export interface PeerConnections {
  readonly address: string;
  readonly connections: number;
}

export interface CheckpointResult {
  /** From the first freeze until the target's word that all runs again, by the source's clock. */
  readonly frozenMs: number;
  readonly bytes: number;
}

/** Calls: name, parameters, result. */
export interface AgentCalls {
  /** Answers at once: the conversation works. Whoever asks no more than this and `source.state` or `target.state` does not count as attending. */
  'hello': { params: null; result: Hello };
  /**
   * From now on this conversation is one of the CLI that attends the migration. Only one CLI may: it is known by a word of its
   * own, which it keeps when it opens another conversation. `isYours: false` when another one was heard within the last seconds.
   */
  'attend': { params: { cli: string }; result: { isYours: boolean } };
  /** Takes the pod's claim on its node; `blocks` tells which migration has it, if another one does. */
  'source.inspect': { params: PodOnNode & { to: string }; result: Inspection };
  'source.connect': { params: { host: string; port: number; key: string }; result: null };
  /** `bytesPerSecond` of the link between the agents, measured on the way. */
  'source.precopy': { params: null; result: { bytes: number; bytesPerSecond: number } };
  /** Waits until the pod's queue-proxy has no request in flight, or the time is up. Nobody may send it new ones by then. */
  'source.quiesce': { params: { address: string; limitMs: number }; result: Quiet };
  /**
   * The frozen part. `budgetMs` is the longest time that the pod may stand still before the commit. `record` is kept with the
   * claim: what a command that finishes the migration in the place of this one has to know.
   */
  'source.checkpoint': { params: { budgetMs: number; record: unknown }; result: CheckpointResult };
  'source.state': { params: null; result: { state: SourceFact; record: unknown } };
  /** Lets the pod run again unless the commit record is written, and tells what holds then. */
  'source.abort': { params: null; result: { state: SourceFact } };
  /**
   * The same, by an agent that may be another one than the one that froze the pod: the claim tells it all. With the target's own
   * word that it never ran and never will (`target.abort` said `never`) a commit that did not get there is rolled back.
   */
  'source.takeover': { params: PodOnNode & { targetNeverRan: boolean }; result: { state: SourceFact; record: unknown } };
  /**
   * Has whoever comes to the old address of a pod that has moved led on to the new ones, until `cleanup`; without addresses they wait.
   * `sockets` tells at how many the pod listens.
   */
  'source.relay': { params: { addresses: readonly string[] }; result: { sockets: number } };
  /**
   * Ends the processes of a source that has committed. `reset` tells of the connections that they had at the commit, as far as this agent
   * was there. @throws Error when one is left
   */
  'source.kill': { params: null; result: { reset: readonly PeerConnections[] } };
  'target.inspect': { params: null; result: { facts: NodeFacts } };
  'target.listen': { params: { key: string; containers: readonly string[] }; result: { port: number } };
  'target.await': { params: AwaitedPod & { addresses: readonly string[] }; result: null };
  /** From now on the pod may come. `isAwaited: false` when it was given up, and must not be made. */
  'target.expect': { params: null; result: { isAwaited: boolean } };
  'target.armed': { params: { deadlineMs: number }; result: { podUid: string } };
  'target.state': { params: null; result: { state: TargetFact } };
  /** Gives up for good, unless the pod runs there. `never` only when nothing restored is left that could still run. */
  'target.abort': { params: null; result: { state: TargetFact } };
  /** The source's commit, handed on by the CLI when the link between the agents is gone. Asked only when `settle` says to go on. */
  'target.commit': { params: null; result: { state: TargetFact } };
  'target.finished': { params: null; result: { notes: readonly string[] } };
  /**
   * Takes away what the agent has on its node. `refusing` while the node could still create the pod, which is not to run there: it stays
   * refused. At the target, of a pod that did not move, `podIsGone` tells that the API server there has it no more.
   */
  'cleanup': { params: { podIsGone: boolean } | null; result: { refusing: boolean } };
}
