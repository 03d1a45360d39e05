import { randomBytes } from 'node:crypto';
import { MigrateError } from '../errors.ts';
import type { MigrationReport, MigrationRequest, OnEvent, PlanReport } from './contract.ts';
import { StepRunner } from './step-runner.ts';
import { pinFindings } from './images.ts';
import { makePlan, requireUnblocked } from './plan.ts';
import { checkpoint } from './steps/checkpoint.ts';
import { cleanup } from './steps/cleanup.ts';
import { cutover } from './steps/cutover.ts';
import { precopy } from './steps/precopy.ts';
import { prepare } from './steps/prepare.ts';
import { standby } from './steps/standby.ts';
import { TimelineRecorder } from './timeline.ts';
import { UndoList } from './undo.ts';
import { requireWithinBudget } from './within-budget.ts';

export { dryRun } from './dry-run.ts';

/** What a migration would do; reads only. */
export async function plan(request: MigrationRequest, signal: AbortSignal): Promise<PlanReport> {
  return (await makePlan(request, signal)).report;
}

/**
 * Moves a pod to a peered cluster, from top to bottom. Whatever fails before the commit is rolled back: the pod then
 * runs on where it was, and nothing is left behind.
 *
 * @throws MigrateError: `refused` before anything was touched, `failed` or `interrupted` after everything was taken
 *   back, `in-doubt` when a person has to look
 */
export async function migrate(request: MigrationRequest, onEvent: OnEvent, signal: AbortSignal): Promise<MigrationReport> {
  const id = randomBytes(4).toString('hex');
  const timeline = new TimelineRecorder(onEvent);
  const runner = new StepRunner(onEvent, timeline, signal);
  const undo = new UndoList();
  onEvent({ type: 'started', migration: id, pod: request.pod, namespace: request.namespace, to: request.to });
  try {
    const planned = await runner.step('plan', async () => {
      const made = await makePlan(request, signal);
      requireUnblocked(made);
      return { ...made, id };
    });
    const ready = await runner.step('prepare', async ({ progress }) => prepare(planned, request, undo, progress, onEvent, signal));
    timeline.follow('source', ready.source);
    timeline.follow('target', ready.target);
    const { bytesPerSecond } = await runner.step('precopy', async ({ bytes }) => precopy(ready, bytes));
    requireWithinBudget(planned, ready.inspection, bytesPerSecond);
    const waiting = await runner.step('standby', async ({ progress }) => standby(ready, undo, progress, signal));
    const moved = await checkpoint(waiting, runner, undo, onEvent, signal);
    timeline.frozen(moved.frozenMs);
    // The target runs and the source never will again: from here there is only forward, whatever the user presses.
    undo.forget();
    runner.ignoreStop();
    const left = await runner.step('cutover', async ({ progress }) => cutover(waiting, progress));
    const cleaned = await runner.step('cleanup', async () => cleanup(ready));
    return {
      pod: request.pod,
      namespace: request.namespace,
      from: planned.sourceNode,
      to: planned.peer.virtualNode,
      node: ready.targetTwin.spec.nodeName ?? '',
      frozenMs: Math.round(moved.frozenMs),
      totalMs: Math.round(runner.totalMs),
      bytes: runner.steps.reduce((sum, { bytes }) => sum + bytes, 0),
      steps: runner.steps,
      findings: [...planned.report.findings, ...ready.inspection.findings, ...pinFindings(planned.pod, ready.pins)],
      notes: [...moved.notes, ...left.notes, ...cleaned.notes],
      timeline: timeline.timeline,
    };
  } catch (error) {
    throw await rollBack(error as Error, undo, id, onEvent);
  }
}

/** Undoes what was done and makes the error that tells how things stand now. */
async function rollBack(error: Error, undo: UndoList, id: string, onEvent: OnEvent): Promise<Error> {
  if (error instanceof MigrateError && (error.kind === 'in-doubt' || error.kind === 'usage' || error.kind === 'refused')) {
    const failures = await undo.run();
    for (const failure of failures) onEvent({ type: 'notice', message: failure });
    return error;
  }
  if (undo.isEmpty) return error;
  onEvent({ type: 'notice', message: 'rolling back' });
  const failures = await undo.run();
  const find = `kubectl get pods -A -l kubectl-migrate/migration=${id}`;
  if (failures.length > 0) {
    const message = `${error.message}; and not everything could be rolled back: ${failures.join('; ')}`;
    return new MigrateError('in-doubt', message, { cause: error, hint: `what is left: ${find}` });
  }
  if (error instanceof MigrateError) return error;
  return new MigrateError('failed', error.message, { cause: error });
}
