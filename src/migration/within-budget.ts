import { mostBytesPerSecond, overBudget, usualBytesPerSecond } from '../preflight/budget.ts';
import { refusal } from '../preflight/refusal.ts';
import type { Inspection } from '../protocol/agent-calls.ts';
import type { Plan } from './plan.ts';

/**
 * Compares what has to travel in the freeze with what the pod may stand still. Asked twice: before anything is sent, with a
 * link that is better than any, so that nobody waits for a copy that is for nothing; and with the link's own speed.
 *
 * @param measured bytes a second between the agents; 0 when nobody could tell
 * @throws MigrateError (refused) with the figures
 */
export function requireWithinBudget({ pod, report }: Plan, { memoryBytes, dirtyBytes }: Inspection, measured?: number): void {
  const bytesPerSecond = measured === undefined ? mostBytesPerSecond : measured > 0 ? measured : usualBytesPerSecond;
  const findings = overBudget(pod, report.budget, { bytes: memoryBytes + dirtyBytes, bytesPerSecond });
  if (findings.length > 0) throw refusal(`pod ${report.namespace}/${report.pod}`, findings);
}
