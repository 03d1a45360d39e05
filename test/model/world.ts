import type { SourceEffect, SourceState } from '../../src/agent/source/machine.ts';
import type { Effect, TargetState } from '../../src/agent/target/states.ts';
import type { Machines } from './machines.ts';

/**
 * All that there is of one pod that is moved, at one instant: processes, files that decide, agents, what is under way between them,
 * and the command. Plain data; whoever makes a step of it works on a copy.
 */
export interface World {
  source: SourceNode;
  agents: SourceAgent[];
  link: Link;
  node: TargetNode;
  target: TargetAgent;
  cli: Cli;
  /** How many mishaps may still happen. */
  mishaps: number;
  /** How many have happened. */
  befallen: number;
}

export interface SourceNode {
  /** The pod's own processes, with their memory. */
  pod: 'runs' | 'frozen' | 'dead';
  /** SIGKILL waits for what stands frozen (cgroup v1). */
  isDoomed: boolean;
  /** They have run since the instant that the images tell of. */
  hasRunOn: boolean;
  /** It was decided to commit although somebody wants to stop the pod, or nobody attends. */
  isHasty: boolean;
  /** They died standing, when all of them was sent already. */
  wasKilledWhenSent: boolean;
  /** Somebody who is no part of ours ended them. */
  wasKilled: boolean;
  /** The kubelet has started the pod from nothing. */
  hasFresh: boolean;
  /** The pod's object is there, so the kubelet has the pod. */
  isKnown: boolean;
  isFenced: boolean;
  /** Whose the claim's folder is: this migration's, or that of a second command for the same pod. */
  claim: 'nobody' | 'ours' | 'another';
  /** Which of our agents has it. */
  holder: number;
  /** The claim tells what is to be thawed. */
  isListed: boolean;
  decision: 'none' | 'committed' | 'aborted';
  /** The record of the commit was written, and not revoked. */
  hasCommitted: boolean;
  /** `ending`: told to end the freeze; `letting go`: has taken the decision. `dead`: killed. */
  guard: 'none' | 'watching' | 'ending' | 'letting go' | 'thawed' | 'committed' | 'dead';
  isGuardHeard: boolean;
  /** What the second command does. */
  another: 'none' | 'claimed' | 'frozen' | 'moved';
}

/** How far an agent is in its checkpoint. */
export type Work =
  'none' | 'fence' | 'guard' | 'freeze' | 'dump' | 'dumping' | 'sent' | 'awaiting held' | 'awaiting running' | 'done' | 'failed';

export interface SourceAgent {
  state: SourceState;
  /** Effects that are still to be carried out, the next one first. */
  todo: SourceEffect[];
  isAlive: boolean;
  /** It has had the claim. */
  hasPod: boolean;
  /** It has taken fence and claim away. */
  isClosed: boolean;
  work: Work;
  /** What it does to have the freeze ended: asks the guard, or runs the guard's program itself. */
  ending: 'none' | 'asked' | 'letting go' | 'thawed' | 'committed' | 'done' | 'failed';
  isAbandoning: boolean;
  heard: ('precopied' | 'held' | 'running')[];
  isTargetLost: boolean;
}

export type ToTarget = 'precopied' | 'restorable' | 'checkpointed' | 'complete' | 'commit' | 'failed';
export type ToSource = 'precopied' | 'held' | 'running' | 'failed';

export interface Link {
  isUp: boolean;
  toTarget: ToTarget[];
  toSource: ToSource[];
  isLossSeenBySource: boolean;
  isLossSeenByTarget: boolean;
}

/** A container of the pod on the target's node. */
export interface Container {
  readonly name: string;
  /** How often the kubelet has asked for it; the last one's ID ends with it. */
  asked: number;
  /** IDs of those whose `create` waits for an answer. */
  unanswered: string[];
  /** ID of the one whose files are being put there. */
  unpacking: string;
  /** ID of the one that is or was restored. */
  begun: string;
  copy: 'none' | 'building' | 'frozen' | 'runs' | 'dead';
  /** How many of its barriers the restore has passed. */
  hooks: number;
  isAtHook: boolean;
  runc: 'none' | 'works' | 'well' | 'badly' | 'told';
  keeper: 'none' | 'alive' | 'over' | 'dead';
  /** The runtime was asked to end it. */
  wasStopped: boolean;
}

export interface TargetNode {
  containers: Container[];
  pod: 'none' | 'there' | 'deleted';
  /** The wrapper keeps the pod from being started from nothing. */
  isAwaited: boolean;
  decision: 'none' | 'go' | 'kill';
  /** The folder is there by which it is known what was restored, and what was decided about that. */
  isNoted: boolean;
  hasFresh: boolean;
  /** All of it has run here. */
  hasRun: boolean;
  /** A container was restored beside one that was restored already. */
  isDoubled: boolean;
  /** What ran here was ended by somebody who is no part of ours, or by itself. */
  hasEnded: boolean;
}

export interface TargetAgent {
  state: TargetState;
  todo: Effect[];
  isAlive: boolean;
  isArmed: boolean;
  isWatching: boolean;
  /** `going`: the decision is made, the pod not let go yet. */
  commit: 'none' | 'going';
  isAbandoning: boolean;
}

/** `left over`: the source runs on, and something could not be taken away. */
export type End = 'moved' | 'rolled back' | 'left over' | 'in doubt' | 'refused';

export type Phase = 'move' | 'settle' | 'roll back' | 'cut over';

export interface Cli {
  isAlive: boolean;
  /** How many commands there were before this one. */
  earlier: number;
  /** What it is about. */
  phase: Phase;
  /** What it was told in this phase, in the order of its questions. */
  answers: string[];
  /** The one it speaks to. */
  agent: number;
  isAsked: boolean;
  end: End | 'none';
}

export function begin(names: readonly string[], mishaps: number): World {
  const container = (name: string): Container => ({
    name,
    asked: 0,
    unanswered: [],
    unpacking: '',
    begun: '',
    copy: 'none',
    hooks: 0,
    isAtHook: false,
    runc: 'none',
    keeper: 'none',
    wasStopped: false,
  });
  return {
    source: {
      pod: 'runs',
      isDoomed: false,
      hasRunOn: false,
      isHasty: false,
      wasKilledWhenSent: false,
      wasKilled: false,
      hasFresh: false,
      isKnown: true,
      isFenced: false,
      claim: 'nobody',
      holder: 0,
      isListed: false,
      decision: 'none',
      hasCommitted: false,
      guard: 'none',
      isGuardHeard: false,
      another: 'none',
    },
    agents: [newAgent()],
    link: { isUp: true, toTarget: [], toSource: [], isLossSeenBySource: false, isLossSeenByTarget: false },
    node: {
      containers: names.map(container),
      pod: 'none',
      isAwaited: false,
      isNoted: true, // by target.inspect, before anything else
      decision: 'none',
      hasFresh: false,
      hasRun: false,
      isDoubled: false,
      hasEnded: false,
    },
    target: {
      state: { at: 'idle', isPrecopied: false },
      todo: [],
      isAlive: true,
      isArmed: false,
      isWatching: false,
      commit: 'none',
      isAbandoning: false,
    },
    cli: { isAlive: true, earlier: 0, phase: 'move', answers: [], agent: 0, isAsked: false, end: 'none' },
    mishaps,
    befallen: 0,
  };
}

export function newAgent(): SourceAgent {
  return {
    state: { at: 'idle' },
    todo: [],
    isAlive: true,
    hasPod: false,
    isClosed: false,
    work: 'none',
    ending: 'none',
    isAbandoning: false,
    heard: [],
    isTargetLost: false,
  };
}

export function copyOf(world: World): World {
  const { source, agents, link, node, target, cli, mishaps, befallen } = world;
  return {
    source: { ...source },
    agents: agents.map((agent) => ({ ...agent, todo: [...agent.todo], heard: [...agent.heard] })),
    link: { ...link, toTarget: [...link.toTarget], toSource: [...link.toSource] },
    node: { ...node, containers: node.containers.map((one) => ({ ...one, unanswered: [...one.unanswered] })) },
    target: { ...target, todo: [...target.todo] },
    cli: { ...cli, answers: [...cli.answers] },
    mishaps,
    befallen,
  };
}

/** A step that the world can take. */
export interface Move {
  readonly name: string;
  /**
   * `at once`: nothing else can tell whether it comes now or later, so it comes now. `free`: comes by itself, some time. `mishap`: may come at any moment, and is counted. `patience`: a deadline, which passes by itself when
   * nothing else happens, and before that counts as a mishap.
   */
  readonly kind: 'at once' | 'free' | 'mishap' | 'patience';
  readonly step: (world: World) => void;
}

/** Something that a command can ask. */
export interface Call {
  /** What it does where it arrives. */
  readonly deliver: (world: World, machines: Machines) => void;
  /** `lost` when nobody is there to answer; undefined as long as there is no answer yet. */
  readonly reply: (world: World, machines: Machines) => string | undefined;
}
