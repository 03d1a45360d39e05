import type { Pod } from '../kube/types.ts';
import { mostBytesPerSecond, overBudget, usualBytesPerSecond, type FreezeBudget } from '../preflight/budget.ts';
import { refusal } from '../preflight/refusal.ts';
import type { Inspection } from '../protocol/agent-calls.ts';

/**
 * Compares what has to travel in the freeze with what the pod may stand still. Asked before anything is sent, with a link
 * that is better than any, so that nobody waits for a copy that is for nothing; then with the link's own speed; and right before
 * the freeze, with the budget as it is then.
 *
 * @param measured bytes a second between the agents; 0 when nobody could tell
 * @throws MigrateError (refused) with the figures
 */
export function requireWithinBudget(
  pod: Pod,
  budget: FreezeBudget,
  { memoryBytes, dirtyBytes }: Pick<Inspection, 'memoryBytes' | 'dirtyBytes'>,
  measured?: number,
): void {
  const bytesPerSecond = measured === undefined ? mostBytesPerSecond : measured > 0 ? measured : usualBytesPerSecond;
  const findings = overBudget(pod, budget, { bytes: memoryBytes + dirtyBytes, bytesPerSecond });
  if (findings.length > 0) throw refusal(`pod ${pod.metadata.namespace}/${pod.metadata.name}`, findings);
}
