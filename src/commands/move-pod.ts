import { inspect } from 'node:util';
import { escapeControls } from '../cli/escape.ts';
import type { EventLines } from '../cli/event-lines.ts';
import { openLogFile, type LogFile } from '../cli/log-file.ts';
import { progressOn } from '../cli/progress/progress-on.ts';
import { lastLine } from '../cli/report.ts';
import { hasLog, logLine } from '../cli/verbosity.ts';
import { MigrateError } from '../errors.ts';
import { stepsOf, type MigrationReport, type MigrationRequest, type OnEvent } from '../migration/contract.ts';
import { findingText } from '../preflight/finding.ts';

/** What the connection tells goes the same way as what a migration tells, once that has a place on the screen. */
export interface Voice {
  say: (message: string) => void;
}

/** Who is told how a migration goes. */
export interface Audience {
  readonly err: NodeJS.WriteStream;
  readonly verbosity: number;
  readonly voice: Voice;
  readonly events: EventLines | undefined;
  /** Whether that pod runs at the peer for good. */
  readonly onCommitted: (isCommitted: boolean) => void;
}

/**
 * Moves one pod, and shows people how it goes, up to the line with its figures.
 *
 * @throws what is to be told of it: when its log tells more than the error does, it is kept, and the error names it
 */
export async function movePod(request: MigrationRequest, audience: Audience, signal: AbortSignal): Promise<MigrationReport> {
  const { err, voice, events, onCommitted } = audience;
  const { migrate } = await import('../migration/engine.ts');
  let isTouched = false;
  onCommitted(false);
  const log = openLogFile(request.namespace, request.pod);
  const isLogged = hasLog(audience.verbosity);
  const progress = await progressOn(err, process.env, stepsOf(request), isLogged);
  voice.say = progress.say;
  const onEvent: OnEvent = (event) => {
    if (event.type === 'stage' && event.stage === 'committed') onCommitted(true);
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
    log.remove();
    return report;
  } catch (error) {
    await progress.end();
    // What an earlier command left may be in doubt before anything of this one is there.
    isTouched ||= error instanceof MigrateError && error.kind === 'in-doubt';
    if (!isTouched) log.remove();
    throw isTouched ? logged(error, log) : error;
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
