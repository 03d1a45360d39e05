import { styleText } from 'node:util';
import { errorOfAll, planOfAll, planTable, reportText, resultOfAll, type Batch, type BatchReport } from '../cli/batch-report.ts';
import type { Streams } from '../cli/command.ts';
import { errorText } from '../cli/error-text.ts';
import { escapeControls } from '../cli/escape.ts';
import { eventLines } from '../cli/event-lines.ts';
import { onInterruption, stopped } from '../cli/interruption.ts';
import type { MigrateArguments } from '../cli/migrate-arguments.ts';
import { render } from '../cli/output/render.ts';
import { MigrateError } from '../errors.ts';
import type { MigrationRequest } from '../migration/contract.ts';
import { moveAll, planAll, type PlannedPod } from '../migration/batch.ts';
import { select } from '../migration/select.ts';
import { movePod, type Voice } from './move-pod.ts';

/** What is the same for all of several pods. */
export type SharedRequest = Omit<MigrationRequest, 'pod'>;

interface Thought extends Batch {
  readonly planned: readonly PlannedPod[];
}

/** Prints what would become of several pods. @throws MigrateError (refused) when something is in the way of one */
export async function dryRunOfSeveral(shared: SharedRequest, args: MigrateArguments, { out, err }: Streams): Promise<void> {
  // Nothing is touched, so there is nothing to roll back: the first Ctrl-C is enough.
  const { signal, release } = onInterruption(err, () => undefined);
  try {
    const { planned, ...batch } = await think(shared, args, signal);
    out.write(await render(args.output, planOfAll(batch, planned, args.isKeepGoing)));
    const refused = planned.filter(({ decision }) => decision === 'refuse');
    if (refused.length === 0) return;
    const names = refused.map(({ pod }) => pod).join(', ');
    throw new MigrateError('refused', `${refused.length} of ${planned.length} pods cannot be migrated as they are: ${names}`);
  } catch (error) {
    throw stopped(error, signal);
  } finally {
    release();
  }
}

/** Moves several pods, and reports on all of them. @throws MigrateError when not all are at the peer in the end */
export async function migrateSeveral(shared: SharedRequest, args: MigrateArguments, { out, err }: Streams, voice: Voice): Promise<void> {
  let isCommitted = false;
  const { signal, release } = onInterruption(
    err,
    (message) => voice.say(message),
    () => isCommitted,
  );
  const events = args.isEvents ? eventLines(out) : undefined;
  const onCommitted = (is: boolean): void => void (isCommitted = is);
  const say = voice.say;
  try {
    const { planned, ...batch } = await think(shared, args, signal).catch((error: unknown) => {
      const told = stopped(error, signal);
      events?.error(told);
      throw told;
    });
    err.write(escapeControls(planTable(batch, planned, args.isKeepGoing)));
    const moving = planned.filter(({ decision }) => decision === 'move' || decision === 'finish').map(({ pod }) => pod);
    const move = async (pod: string): ReturnType<typeof movePod> => {
      const head = `pod/${pod} (${moving.indexOf(pod) + 1} of ${moving.length})`;
      err.write(`\n${styleText('bold', head, { stream: err })}\n`);
      try {
        return await movePod({ ...shared, pod }, { err, verbosity: args.verbosity, voice, events, onCommitted }, signal);
      } catch (error) {
        err.write(errorText(error, process.env));
        throw error;
      } finally {
        voice.say = say;
        onCommitted(false);
      }
    };
    const report: BatchReport = { ...batch, items: await moveAll(planned, move, { isKeepGoing: args.isKeepGoing, signal }) };
    err.write(`\n${escapeControls(reportText(report))}`);
    const error = errorOfAll(report, signal.aborted);
    if (events) events.resultOfAll(report, error?.exitCode ?? 0);
    else out.write(await render(args.output, resultOfAll(report)));
    if (error) throw error;
  } finally {
    release();
  }
}

/** Finds the pods and makes the plan of each; reads only. */
async function think(shared: SharedRequest, { wanted, to, dryRun: kind }: MigrateArguments, signal: AbortSignal): Promise<Thought> {
  const { connection, namespace } = shared;
  const { pods, leftOut } = await select(connection, namespace, wanted, signal);
  const { plan, dryRun } = await import('../migration/engine.ts');
  const planned = await planAll(
    pods.map((pod) => ({ ...shared, pod })),
    kind === 'server' ? dryRun : plan,
    signal,
  );
  return { namespace, to, leftOut, planned };
}
