import pLimit from 'p-limit';
import { MigrateError, type ErrorKind } from '../errors.ts';
import { blockersAmong, findingText, type Finding } from '../preflight/finding.ts';
import type { MigrationReport, MigrationRequest, PlanReport } from './contract.ts';
import type { DryRun } from './dry-run.ts';
import { findEarlier } from './earlier/find.ts';

/** A pod of several, thought through. */
export type PlannedPod =
  /** `refuse`: something is in its way. `skip`: it is at the peer already. */
  | ({ readonly decision: 'move' | 'refuse' | 'skip' } & (PlanReport | DryRun))
  /** Another command has begun to move it, and has left it: that is brought to its end, or taken back and done anew. */
  | { readonly decision: 'finish'; readonly pod: string; readonly namespace: string };

type Failure = 'refused' | 'failed' | 'in-doubt' | 'interrupted';

/** What has become of a pod of several. Plain JSON. */
export type PodOutcome =
  | ({ readonly outcome: 'moved' } & MigrationReport)
  /** `skipped`: it was at the peer already. */
  | { readonly outcome: 'skipped' | 'not-begun'; readonly pod: string; readonly namespace: string }
  | {
      readonly outcome: Failure;
      readonly pod: string;
      readonly namespace: string;
      readonly message: string;
      readonly hint?: string;
      readonly findings?: readonly Finding[];
    };

/** How many plans are made at once. */
const plansAtOnce = 4;

/**
 * Makes the plans of all of them; nothing is touched.
 *
 * @param plan of one of them: as read, or as judged by the servers
 * @throws as `plan`, for the first one for which there can be none
 */
export async function planAll(
  requests: readonly MigrationRequest[],
  plan: (request: MigrationRequest, signal: AbortSignal) => Promise<PlanReport | DryRun>,
  signal: AbortSignal,
): Promise<PlannedPod[]> {
  const limit = pLimit(plansAtOnce);
  return await limit.map(requests, async (request) => {
    const { pod, namespace } = request;
    // Of such a pod there may be no object just now, or one that is on the virtual node already.
    if ((await findEarlier(request, signal)).length > 0) return { decision: 'finish', pod, namespace };
    const report = await plan(request, signal);
    return { decision: decisionOf(report), ...report };
  });
}

function decisionOf({ from, to, findings }: PlanReport): 'move' | 'refuse' | 'skip' {
  if (from === to) return 'skip';
  return blockersAmong(findings).length > 0 ? 'refuse' : 'move';
}

export interface BatchOptions {
  /** Whether those that are refused or fail keep the others from being moved. */
  readonly isKeepGoing: boolean;
  /** Fires when the user wants no more to be begun; the one under way hears of it by itself. */
  readonly signal: AbortSignal;
}

/**
 * Moves one after the other, in their order.
 *
 * @param move one of them; what it throws is told in its outcome
 * @returns what has become of each, in the same order
 */
export async function moveAll(
  planned: readonly PlannedPod[],
  move: (pod: string) => Promise<MigrationReport>,
  { isKeepGoing, signal }: BatchOptions,
): Promise<PodOutcome[]> {
  const outcomes: PodOutcome[] = [];
  for (;;) {
    const next = signal.aborted ? undefined : nextOf(planned, outcomes, isKeepGoing);
    if (!next) return planned.map((one) => outcomes.find(({ pod }) => pod === one.pod) ?? untouched(one));
    const { pod, namespace } = next;
    outcomes.push(
      await move(pod).then(
        (report) => ({ outcome: 'moved', ...report }),
        (error: unknown) => ({ ...failureOf(error), pod, namespace }),
      ),
    );
  }
}

/**
 * The next one to be begun; undefined when none is. Pure.
 *
 * @param outcomes of those that were begun
 */
export function nextOf(planned: readonly PlannedPod[], outcomes: readonly PodOutcome[], isKeepGoing: boolean): PlannedPod | undefined {
  const isBlocked = planned.some(({ decision }) => decision === 'refuse');
  const hasFailed = outcomes.some(({ outcome }) => outcome !== 'moved');
  // Where nobody can say what runs, a person has to look before more is done; and whoever has stopped one means all.
  const isOver = outcomes.some(({ outcome }) => outcome === 'in-doubt' || outcome === 'interrupted');
  if (isOver || (!isKeepGoing && (isBlocked || hasFailed))) return undefined;
  return planned.find(
    ({ pod, decision }) => (decision === 'move' || decision === 'finish') && !outcomes.some((outcome) => outcome.pod === pod),
  );
}

/** What has become of one that was not begun. */
function untouched(planned: PlannedPod): PodOutcome {
  const { pod, namespace, decision } = planned;
  if (decision === 'skip') return { outcome: 'skipped', pod, namespace };
  if (decision !== 'refuse') return { outcome: 'not-begun', pod, namespace };
  const findings = blockersAmong(planned.findings);
  return { outcome: 'refused', pod, namespace, message: findings.map(findingText).join('; '), findings };
}

function failureOf(error: unknown): Pick<Extract<PodOutcome, { message: string }>, 'outcome' | 'message' | 'hint' | 'findings'> {
  const { message } = error as Error;
  if (!(error instanceof MigrateError)) return { outcome: 'failed', message };
  const { kind, hint, findings } = error;
  return {
    outcome: kind === 'usage' ? 'failed' : kind,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(findings.length === 0 ? {} : { findings }),
  };
}

/** What kind of end it is for all of them together; undefined when all are at the peer. Pure. */
export function endOf(outcomes: readonly PodOutcome[], isStopped: boolean): Exclude<ErrorKind, 'usage'> | undefined {
  const has = (wanted: PodOutcome['outcome']): boolean => outcomes.some(({ outcome }) => outcome === wanted);
  if (has('in-doubt')) return 'in-doubt';
  if (has('interrupted') || (isStopped && has('not-begun'))) return 'interrupted';
  if (has('failed') || (has('refused') && has('moved'))) return 'failed';
  return has('refused') ? 'refused' : undefined;
}
