import { inspect } from 'node:util';
import { eventLines } from '../cli/event-lines.ts';
import { onInterruption } from '../cli/interruption.ts';
import { openLogFile, type LogFile } from '../cli/log-file.ts';
import type { MigrateArguments } from '../cli/migrate-arguments.ts';
import { movedResult } from '../cli/moved-result.ts';
import { render } from '../cli/output/render.ts';
import { escapeControls } from '../cli/escape.ts';
import { progressOn } from '../cli/progress/progress-on.ts';
import { lastLine, planText } from '../cli/report.ts';
import type { Streams } from '../cli/command.ts';
import { exchangeTeller, hasLog, logLine } from '../cli/verbosity.ts';
import { readDeadlineFactor, setDeadlineFactor } from '../deadlines.ts';
import { MigrateError } from '../errors.ts';
import { openConnection } from '../kube/connection.ts';
import type { MigrationRequest, OnEvent } from '../migration/contract.ts';
import { blockersAmong, findingText } from '../preflight/finding.ts';

interface Voice {
  say: (message: string) => void;
}

/** `kubectl migrate POD --to CLUSTER`. @throws MigrateError and KubeError; nothing is printed for them here */
export async function migrateCommand(args: MigrateArguments, streams: Streams): Promise<void> {
  setDeadlineFactor(deadlineFactorOf(process.env));
  // What the connection tells goes the same way as what the migration tells, once that has a place on the screen.
  const voice: Voice = { say: (message) => void streams.err.write(`${message}\n`) };
  const connection = await openConnection(
    args.connection,
    exchangeTeller(args.verbosity, (line) => voice.say(line), streams.err),
  );
  const request: MigrationRequest = Object.freeze({
    connection,
    namespace: connection.namespace,
    pod: args.pod,
    to: args.to,
    agentImage: args.agentImage,
    ...(args.maxFreezeMs === undefined ? {} : { maxFreezeMs: args.maxFreezeMs }),
  });
  try {
    await (args.dryRun === 'none' ? run : dryRun)(request, args, streams, voice);
  } finally {
    connection.close();
  }
}

/** @throws MigrateError (usage) */
function deadlineFactorOf(env: NodeJS.ProcessEnv): number {
  const text = env['KUBECTL_MIGRATE_DEADLINE_FACTOR'];
  if (text === undefined || text === '') return 1;
  const factor = readDeadlineFactor(text);
  if (factor === undefined)
    throw new MigrateError('usage', `error: KUBECTL_MIGRATE_DEADLINE_FACTOR must be a number from 1 to 100, not "${text}"`);
  return factor;
}

async function dryRun(request: MigrationRequest, args: MigrateArguments, { out, err }: Streams): Promise<void> {
  const { plan, dryRun } = await import('../migration/engine.ts');
  // Nothing is touched, so there is nothing to roll back: the first Ctrl-C is enough.
  const { signal, release } = onInterruption(err, () => undefined);
  try {
    const report = await (args.dryRun === 'server' ? dryRun : plan)(request, signal);
    out.write(await render(args.output, { data: report, names: [`pod/${report.pod}`], text: () => planText(report) }));
    const findings = blockersAmong(report.findings);
    if (findings.length > 0)
      throw new MigrateError('refused', `pod ${report.namespace}/${report.pod} cannot be migrated as it is`, { findings });
  } catch (error) {
    if (signal.aborted) throw new MigrateError('interrupted', 'stopped', { cause: error });
    throw error;
  } finally {
    release();
  }
}

async function run(request: MigrationRequest, args: MigrateArguments, { out, err }: Streams, voice: Voice): Promise<void> {
  const { migrate } = await import('../migration/engine.ts');
  let isCommitted = false;
  let isTouched = false;
  const { signal, release } = onInterruption(
    err,
    (message) => voice.say(message),
    () => isCommitted,
  );
  const log = openLogFile(request.namespace, request.pod);
  const isLogged = hasLog(args.verbosity);
  const progress = await progressOn(err, process.env, isLogged);
  voice.say = progress.say;
  const events = args.isEvents ? eventLines(out) : undefined;
  const onEvent: OnEvent = (event) => {
    isCommitted ||= event.type === 'stage' && event.stage === 'committed';
    isTouched ||= event.type === 'step-started' && event.step === 'prepare';
    log.write(event);
    progress.onEvent(event);
    events?.onEvent(event);
    if (isLogged && event.type === 'log') voice.say(logLine(event.message));
  };
  try {
    const report = await migrate(request, onEvent, signal);
    await progress.end();
    for (const note of [...report.findings.map(findingText), ...report.notes]) err.write(`note: ${escapeControls(note)}\n`);
    err.write(lastLine(report, err));
    if (events) events.result(report);
    else out.write(await render(args.output, movedResult(report)));
    // The pod has moved, whatever becomes of its picture.
    await args.timeline
      ?.write(report, err)
      .catch((error: unknown) => err.write(`note: the timeline was not written: ${escapeControls((error as Error).message)}\n`));
    log.remove();
  } catch (error) {
    await progress.end();
    // What an earlier command left may be in doubt before anything of this one is there.
    isTouched ||= error instanceof MigrateError && error.kind === 'in-doubt';
    const told = isTouched ? logged(error, log) : error;
    if (!isTouched) log.remove();
    events?.error(told);
    throw told;
  } finally {
    release();
  }
}

/** Keeps the log when it tells more than the error does, and the error then names it. */
function logged(error: unknown, log: LogFile): unknown {
  const isPlain = error instanceof MigrateError && (error.kind === 'usage' || error.kind === 'refused');
  if (isPlain || log.path === undefined) {
    log.remove();
    return error;
  }
  log.write({ type: 'log', message: inspect(error, { depth: 4 }) });
  const kind = error instanceof MigrateError ? error.kind : 'failed';
  const hints = [...(error instanceof MigrateError && error.hint !== undefined ? [error.hint] : []), `log: ${log.path}`];
  return new MigrateError(kind, error instanceof Error ? error.message : String(error), { cause: error, hint: hints.join('\n') });
}
