import { MigrateError } from '../errors.ts';
import { findingText, type Finding } from './finding.ts';

/** The error of a move that cannot be: all that is in the way with its codes, and what to do about it. */
export function refusal(what: string, findings: readonly Finding[], cause?: unknown): MigrateError {
  return refused(`${what} cannot be moved: ${findings.map(findingText).join('; ')}`, findings, cause);
}

/** The error of a single finding that says all by itself. */
export function refusalBy(finding: Finding, cause?: unknown): MigrateError {
  return refused(findingText(finding), [finding], cause);
}

function refused(message: string, findings: readonly Finding[], cause: unknown): MigrateError {
  const remedies = [...new Set(findings.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])))];
  return new MigrateError('refused', message, {
    findings,
    ...(cause === undefined ? {} : { cause }),
    ...(remedies.length > 0 ? { hint: remedies.join('; ') } : {}),
  });
}
