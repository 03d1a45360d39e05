import { MigrateError } from '../errors.ts';
import type { MigrationEvent, MigrationReport } from '../migration/contract.ts';
import type { BatchReport } from './batch-report.ts';
import { exitCodeOf } from './error-text.ts';

/** Grows when a line changes its meaning or loses a field; new fields and new types do not change it. */
const version = 1;

/** What `--events` prints (docs/events.md): one JSON object on each line, the last one a `result` or an `error`. */
export interface EventLines {
  readonly onEvent: (event: MigrationEvent) => void;
  readonly result: (report: MigrationReport) => void;
  /** The last line of several migrations. @param exitCode of the command */
  readonly resultOfAll: (report: BatchReport, exitCode: number) => void;
  readonly error: (error: unknown) => void;
}

export function eventLines(out: NodeJS.WritableStream, now: () => Date = () => new Date()): EventLines {
  let migration: string | undefined;
  const line = (
    { type, ...fields }: { readonly type: string; readonly [field: string]: unknown } | MigrationEvent,
    isOfOne = true,
  ): void => {
    const about = isOfOne && migration !== undefined ? { migration } : {};
    out.write(`${JSON.stringify({ v: version, at: now().toISOString(), type, ...about, ...fields })}\n`);
  };
  return {
    onEvent: (event) => {
      if (event.type === 'started') migration = event.migration;
      // What is for the log alone has no fixed shape.
      if (event.type !== 'log') line(event);
    },
    result: (report) => line({ type: 'result', report }),
    resultOfAll: (report, exitCode) => line({ type: 'result', report, exitCode }, false),
    error: (error) => {
      const known = error instanceof MigrateError ? error : undefined;
      const message = error instanceof Error ? error.message : String(error);
      line({
        type: 'error',
        kind: known?.kind ?? 'failed',
        message,
        ...(known?.hint === undefined ? {} : { hint: known.hint }),
        ...(known && known.findings.length > 0 ? { findings: known.findings } : {}),
        exitCode: exitCodeOf(error),
      });
    },
  };
}
