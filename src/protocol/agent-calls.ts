/**
 * What the CLI asks of an agent (src/protocol/rpc.ts carries it, through exec). Every call belongs to the one
 * migration that the agent was started for.
 */
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

/** What both ends must have in common, and what a report shows. */
export interface NodeFacts {
  readonly architecture: string;
  readonly kernel: string;
  readonly cgroupVersion: 1 | 2;
  readonly cpuFlags: readonly string[];
  readonly runtime: string;
  readonly runtimeVersion: string;
}

export interface Finding {
  readonly container: string;
  readonly reason: string;
  readonly hint?: string;
}

export interface Inspection {
  readonly facts: NodeFacts;
  /** Bytes of memory that a checkpoint of the whole pod would hold, about. */
  readonly memoryBytes: number;
  /** Bytes of the files that travel, as they are now. */
  readonly fileBytes: number;
  /** What makes a checkpoint impossible. */
  readonly blocks: readonly Finding[];
}

export interface AwaitedPod {
  readonly namespace: string;
  readonly pod: string;
  readonly containers: readonly string[];
  readonly initContainers: readonly string[];
  /** Seconds from now after which nobody waits any more. */
  readonly deadlineSeconds: number;
}

export interface CheckpointResult {
  /** From the first freeze until the target's word that all runs again, by the source's clock. */
  readonly frozenMs: number;
  readonly bytes: number;
}

/** Calls: name, parameters, result. */
export interface AgentCalls {
  /** Answers at once, with the agent's clock (ms since 1970): the conversation works. */
  'hello': { params: null; result: { now: number } };
  'source.inspect': { params: PodOnNode; result: Inspection };
  'source.connect': { params: { host: string; port: number; key: string }; result: null };
  'source.precopy': { params: null; result: { bytes: number } };
  'source.checkpoint': { params: null; result: CheckpointResult };
  /**
   * For an agent that takes over from one that died: lets the pod run again unless the target may run. With the target's own
   * word that it never ran and never will (`target.abort`), a commit that did not get there is rolled back.
   */
  'source.takeover': { params: PodOnNode & { targetNeverRan: boolean }; result: { state: 'running' | 'committed' } };
  'source.kill': { params: null; result: null };
  'source.abort': { params: null; result: { state: 'running' | 'committed' } };
  'target.inspect': { params: null; result: { facts: NodeFacts } };
  'target.listen': { params: { key: string; containers: readonly string[] }; result: { port: number } };
  'target.await': { params: AwaitedPod & { addresses: readonly string[] }; result: null };
  'target.armed': { params: { deadlineMs: number }; result: { podUid: string } };
  'target.finished': { params: null; result: { notes: readonly string[] } };
  /** Gives up for good, unless the pod runs there; after `false` it never will. */
  'target.abort': { params: null; result: { isRunning: boolean } };
  'cleanup': { params: null; result: null };
}
