import type { Finding } from './preflight/finding.ts';

/** What kind of end a command came to; the exit code follows from it. */
export type ErrorKind = 'usage' | 'refused' | 'failed' | 'in-doubt' | 'interrupted';

const exitCodes: Readonly<Record<ErrorKind, number>> = {
  /** The command line makes no sense. */
  'usage': 2,
  /** It cannot be done, and nothing was touched. */
  'refused': 3,
  /** It failed, and everything is as it was before. */
  'failed': 1,
  /** It failed, and a person has to look. */
  'in-doubt': 4,
  /** The user stopped it, and everything is as it was before. */
  'interrupted': 130,
};

/** An error that is meant for the user: what failed, on which object in which cluster, why, and what to do. */
export class MigrateError extends Error {
  readonly kind: ErrorKind;
  /** What to do next, a sentence. */
  readonly hint: string | undefined;
  /** What was in the way, when that is why. */
  readonly findings: readonly Finding[];

  constructor(kind: ErrorKind, message: string, options: { cause?: unknown; hint?: string; findings?: readonly Finding[] } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'MigrateError';
    this.kind = kind;
    this.hint = options.hint;
    this.findings = options.findings ?? [];
  }

  get exitCode(): number {
    return exitCodes[this.kind];
  }
}
