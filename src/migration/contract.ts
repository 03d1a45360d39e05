import type { KubeConnection } from '../kube/connection.ts';
import type { FreezeBudget } from '../preflight/budget.ts';
import type { Finding } from '../preflight/finding.ts';
import type { SpanName, Stage } from '../protocol/agent-events.ts';

/** The steps of a migration, in their order. */
export const stepNames = [
  'plan',
  'prepare',
  'precopy',
  'standby',
  'quiesce',
  'checkpoint',
  'restore',
  'commit',
  'cutover',
  'cleanup',
] as const;
export type StepName = (typeof stepNames)[number];

/** Everything that a migration needs to know; no flag, no terminal. */
export interface MigrationRequest {
  readonly connection: KubeConnection;
  readonly namespace: string;
  readonly pod: string;
  /** The peer: name of its virtual node, or its cluster ID. */
  readonly to: string;
  readonly agentImage: string;
  /** The longest that the pod may stand still, ms; left out, its probes decide. */
  readonly maxFreezeMs?: number;
  /** Whether the moved pod stays when its virtual node is not ready for longer than pods tolerate that where nothing else is said. */
  readonly toleratesOutages?: boolean;
  /** How long it may be waited, before the freeze, for the end of the requests that the pod has in flight; left out, it is not. */
  readonly quiesceMs?: number;
}

/** Those that a migration has which is asked for so, in their order. */
export function stepsOf({ quiesceMs }: Pick<MigrationRequest, 'quiesceMs'>): StepName[] {
  return stepNames.filter((name) => name !== 'quiesce' || quiesceMs !== undefined);
}

/** Where something was done: by `kubectl migrate` itself, on the node that the pod left, on the one that it came to. */
export type Side = 'cli' | 'source' | 'target';

/** Something that took time, in ms since the migration began, by the CLI's clock. */
export interface TimelineSpan {
  readonly side: Side;
  readonly name: StepName | SpanName | 'frozen';
  /** The container that it was done for; none when it was the whole pod. */
  readonly container?: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Who did what when. The clocks of both nodes were compared with the CLI's; `errorMs` is how wrong that may be. */
export interface Timeline {
  readonly spans: readonly TimelineSpan[];
  readonly errorMs: { readonly source: number; readonly target: number };
}

export type MigrationEvent =
  | { readonly type: 'started'; readonly migration: string; readonly pod: string; readonly namespace: string; readonly to: string }
  | { readonly type: 'step-started'; readonly step: StepName }
  | { readonly type: 'step-progress'; readonly step: StepName; readonly message: string }
  /** What was moved by now, and about how much it will be. */
  | { readonly type: 'step-bytes'; readonly step: StepName; readonly bytes: number; readonly about: number }
  | { readonly type: 'step-done'; readonly step: StepName; readonly ms: number; readonly bytes: number }
  | { readonly type: 'step-failed'; readonly step: StepName; readonly ms: number; readonly message: string }
  /** Where the frozen part has got to: from `frozen` to `running` the pod stands still. */
  | { readonly type: 'stage'; readonly stage: Stage }
  | ({ readonly type: 'span' } & TimelineSpan)
  /** Something the user should know: carried or lost, or how a roll-back goes. */
  | { readonly type: 'notice'; readonly message: string }
  /** For the log alone. */
  | { readonly type: 'log'; readonly message: string };

export type OnEvent = (event: MigrationEvent) => void;

export interface StepReport {
  readonly name: StepName;
  readonly ms: number;
  readonly bytes: number;
}

export interface MigrationReport {
  readonly pod: string;
  readonly namespace: string;
  /** The node that the pod left. */
  readonly from: string;
  /** The peer's virtual node. */
  readonly to: string;
  /** The peer's node on which the pod runs now. */
  readonly node: string;
  /** How long it stood still; null when another command saw that, and this one only came to the end of it. */
  readonly frozenMs: number | null;
  readonly totalMs: number;
  readonly bytes: number;
  readonly steps: readonly StepReport[];
  /** What is not as it was, item by item. */
  readonly findings: readonly Finding[];
  /** What happened on the way and should be known. */
  readonly notes: readonly string[];
  readonly timeline: Timeline;
}

/** What a migration would do; printable, and made without touching anything. */
export interface PlanReport {
  readonly pod: string;
  readonly namespace: string;
  readonly from: string;
  readonly to: string;
  readonly twinNamespace: string;
  readonly containers: readonly string[];
  /** How long it may stand still. */
  readonly budget: FreezeBudget;
  readonly carries: readonly string[];
  /** What keeps requests away before the freeze, and how long their end is waited for; when that was asked for. */
  readonly quiesces?: string;
  /** What is in the way, lost or changed. */
  readonly findings: readonly Finding[];
}
