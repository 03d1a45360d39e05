import { freezeBudget, type FreezeBudget } from '../preflight/budget.ts';
import { requireNoDrift } from './drift.ts';
import type { Prepared } from './prepared.ts';
import { requireWithinBudget } from './within-budget.ts';

/**
 * Right before the freeze: a startup probe, or the pod's own deadline, has not waited for us.
 *
 * @returns how long it may stand still, as of now
 * @throws MigrateError (failed, refused) when it cannot be moved as planned any more
 */
export async function lastLook({ plan, home, source, inspection }: Prepared, signal: AbortSignal): Promise<FreezeBudget> {
  const fresh = await requireNoDrift(home, plan.pod, signal);
  const budget = freezeBudget(fresh, { now: Date.now() + source.clock.aheadMs, maxFreezeMs: plan.maxFreezeMs });
  requireWithinBudget(plan.pod, budget, inspection);
  return budget;
}
