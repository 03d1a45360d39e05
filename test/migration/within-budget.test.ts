import { describe, expect, test } from 'vitest';
import { requireWithinBudget } from '../../src/migration/within-budget.ts';
import { freezeBudget } from '../../src/preflight/budget.ts';

const pod = { metadata: { name: 'web-0', namespace: 'demo' }, spec: { containers: [] } };
const budget = { ms: 5_000, by: 'the liveness probe of container main gives it 6.0 s' };

describe('a gigabyte and five seconds', () => {
  const needs = { memoryBytes: 0.9e9, dirtyBytes: 0.1e9 };
  test.each<[string, number | undefined, boolean]>([
    ['may be tried before the link is known', undefined, true],
    ['fit a link of 500 MB/s', 500e6, true],
    ['do not fit one of 110 MB/s', 110e6, false],
    ['do not fit one that nobody could measure', 0, false],
  ])('%s', (_what, measured, fits) => {
    const attempt = (): void => requireWithinBudget(pod, budget, needs, measured);
    if (fits) return attempt();
    expect(attempt).toThrow(/^pod demo\/web-0 cannot be moved: it would stand still .* \(1000 MB at 1\d0 MB\/s\).*\[KM-FREEZE-BUDGET\]$/);
  });
});

test('a startup probe that has waited while the move was prepared leaves less', () => {
  const starting = {
    ...pod,
    spec: { containers: [{ name: 'main', startupProbe: { httpGet: {}, failureThreshold: 3 } }] },
    status: { containerStatuses: [{ name: 'main', started: false, state: { running: { startedAt: '2026-01-01T12:00:00Z' } } }] },
  };
  const at = (seconds: number): number => freezeBudget(starting, { now: Date.parse('2026-01-01T12:00:00Z') + seconds * 1000 }).ms;
  expect(at(1)).toBeGreaterThan(at(15));
  expect(() => requireWithinBudget(starting, { ms: at(25), by: '' }, { memoryBytes: 0, dirtyBytes: 0 })).toThrow('KM-FREEZE-BUDGET');
});
