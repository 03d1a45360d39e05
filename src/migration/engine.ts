import { randomBytes } from 'node:crypto';
import { deadlineFactor } from '../deadlines.ts';
import { MigrateError } from '../errors.ts';
import type { MigrationReport, MigrationRequest, OnEvent, PlanReport } from './contract.ts';
import { pinFindings } from './helpers/images.ts';
import { findEarlier } from './earlier/find.ts';
import { finish } from './earlier/finish.ts';
import { takeOver, type Inherited } from './earlier/take-over.ts';
import { planReport, type UnblockedPlan } from './plan.ts';
import { rollBack } from './roll-back.ts';
import { StepRunner } from './step-runner.ts';
import { cleanup } from './steps/cleanup.ts';
import { cutover } from './steps/cutover/cutover.ts';
import { checkpoint } from './steps/checkpoint.ts';
import { commit } from './steps/commit.ts';
import { restore } from './steps/restore.ts';
import { makePlan, requireUnblocked } from './steps/plan.ts';
import { precopy } from './steps/precopy.ts';
import { prepare } from './steps/prepare.ts';
import { quiesce } from './steps/quiesce.ts';
import { standby } from './steps/standby.ts';
import { Suspension } from './suspension.ts';
import { TimelineRecorder } from './timeline.ts';
import { begin, type Underway } from './underway.ts';
import { requireWithinBudget } from './within-budget.ts';

export { dryRun } from './dry-run.ts';

/** What a migration would do; reads only. */
export async function plan(request: MigrationRequest, signal: AbortSignal): Promise<PlanReport> {
  return planReport(await makePlan(request, newId(), signal));
}

/** What a command that moves a pod tells of. */
export interface Command {
  readonly runner: StepRunner;
  readonly timeline: TimelineRecorder;
}

/**
 * Moves a pod to a peered cluster, or brings to its end what another command has begun. Whatever fails before the commit is
 * rolled back: the pod then runs on where it was, and nothing is left behind.
 *
 * @throws MigrateError: `refused` before anything was touched, `failed` or `interrupted` after everything was taken
 *   back, `in-doubt` when a person has to look
 */
export async function migrate(request: MigrationRequest, onEvent: OnEvent, signal: AbortSignal): Promise<MigrationReport> {
  const { connection, pod, namespace, to } = request;
  const id = newId();
  const timeline = new TimelineRecorder(onEvent);
  const runner = new StepRunner(onEvent, timeline, signal);
  const suspension = new Suspension();
  let underway: Underway | undefined;
  onEvent({ type: 'started', migration: id, pod, namespace, to });
  try {
    const planned = await runner.step('plan', async ({ progress }) => {
      const inherited = await inherit(request, progress, signal);
      return inherited ? { inherited } : requireUnblocked(await makePlan(request, id, signal));
    });
    if ('inherited' in planned) return await finish(planned.inherited, request, runner, timeline);
    underway = begin(planned, connection);
    return await carryOut(planned, underway, { runner, timeline });
  } catch (error) {
    throw await settled(afterSleep(error as Error, suspension), underway, onEvent);
  } finally {
    suspension.stop();
    await underway?.draining?.stop();
  }
}

/** Does what the plan says, from top to bottom. What it has done when it throws is to be rolled back, unless that is `in-doubt`. */
export async function carryOut(planned: UnblockedPlan, underway: Underway, { runner, timeline }: Command): Promise<MigrationReport> {
  const ready = await runner.run(prepare, { plan: planned, underway });
  timeline.follow('source', ready.source);
  timeline.follow('target', ready.target);
  const { bytesPerSecond } = await runner.run(precopy, ready);
  requireWithinBudget(planned.pod, planned.budget, ready.inspection, bytesPerSecond);
  const waiting = await runner.run(standby, ready);
  const quiet = planned.quiesce ? await runner.run(quiesce, waiting) : { ...waiting, notes: [] };
  const { frozen } = await runner.run(checkpoint, quiet);
  await runner.run(restore, frozen);
  const moved = await runner.run(commit, frozen);
  timeline.frozen(moved.frozenMs);
  // The target runs and the source never will again: from here there is only forward, whatever the user presses.
  const committed = { underway, remote: ready.remote, isFirst: true };
  const left = await runner.run(cutover, committed);
  const cleaned = await runner.run(cleanup, committed);
  const factor = deadlineFactor();
  return {
    pod: planned.pod.metadata.name,
    namespace: planned.pod.metadata.namespace ?? '',
    from: planned.sourceNode,
    to: planned.peer.virtualNode,
    node: ready.targetNode,
    frozenMs: Math.round(moved.frozenMs),
    totalMs: Math.round(runner.totalMs),
    bytes: runner.steps.reduce((sum, { bytes }) => sum + bytes, 0),
    steps: runner.steps,
    findings: [...planned.findings, ...ready.inspection.findings, ...pinFindings(planned.pod, ready.pins)],
    notes: [
      ...quiet.notes,
      ...moved.notes,
      ...left.notes,
      ...cleaned.notes,
      ...(factor === 1 ? [] : [`all deadlines were ${factor} times as long (KUBECTL_MIGRATE_DEADLINE_FACTOR)`]),
    ],
    timeline: timeline.timeline,
  };
}

function newId(): string {
  return randomBytes(4).toString('hex');
}

/** The migration of that pod that another command has brought to its commit; what others have left is taken back. */
async function inherit(request: MigrationRequest, say: (message: string) => void, signal: AbortSignal): Promise<Inherited | undefined> {
  for (const earlier of await findEarlier(request, signal)) {
    const inherited = await takeOver(request, earlier, say, signal);
    if (inherited) return inherited;
  }
  return undefined;
}

/** What fails after a long sleep fails because of it, and says so. */
function afterSleep(error: Error, { seconds }: Suspension): Error {
  if (seconds === undefined || (error instanceof MigrateError && error.kind !== 'failed')) return error;
  return new MigrateError('failed', `this command was suspended for ${seconds} s, and nobody waited that long: ${error.message}`, {
    cause: error,
  });
}

/** Undoes what was done, unless it is in doubt who may run, and makes the error that tells how things stand now. */
async function settled(error: Error, underway: Underway | undefined, onEvent: OnEvent): Promise<Error> {
  if (!underway || (error instanceof MigrateError && error.kind === 'in-doubt')) return error;
  const isRefused = error instanceof MigrateError && error.kind === 'refused';
  if (!isRefused) onEvent({ type: 'notice', message: 'rolling back' });
  const failures = await rollBack(underway);
  if (failures.length > 0) {
    const { name, namespace } = underway.move.pod.metadata;
    const message = `${error.message}; and not everything could be rolled back: ${failures.join('; ')}`;
    const hint = `the same command takes the rest back: kubectl migrate ${name} -n ${namespace} --to ${underway.move.peer.virtualNode}`;
    return new MigrateError('in-doubt', message, { cause: error, hint });
  }
  return error instanceof MigrateError ? error : new MigrateError('failed', error.message, { cause: error });
}
