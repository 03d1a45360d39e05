import { expect, test } from 'vitest';
import type { Pod } from '../../../src/kube/types.ts';
import { earlierOf, helperOf } from '../../../src/migration/earlier/find.ts';

function helper(migration: string, role: string, pod: string, second: number, phase = 'Running'): Pod {
  return {
    metadata: {
      name: `kubectl-migrate-${migration}-${role}`,
      creationTimestamp: `2026-01-01T00:00:0${second}Z`,
      labels: { 'kubectl-migrate/migration': migration, 'kubectl-migrate/role': role },
      annotations: { 'kubectl-migrate/pod': pod },
    },
    spec: { containers: [] },
    status: { phase },
  };
}

test('the helpers of a pod tell which migrations of it there are, and of no other pod', () => {
  const helpers = [
    helper('b', 'target', 'web-0', 4),
    helper('a', 'source', 'web-1', 1),
    helper('b', 'source', 'web-0', 3),
    helper('c', 'source', 'web-0', 5),
  ];
  expect(earlierOf('web-0', helpers).map(({ id, helpers: ours }) => [id, ...ours.map(({ metadata }) => metadata.name)])).toEqual([
    ['b', 'kubectl-migrate-b-source', 'kubectl-migrate-b-target'],
    ['c', 'kubectl-migrate-c-source'],
  ]);
  expect(earlierOf('web-2', helpers)).toEqual([]);
});

test('an agent that took the place of a dead one speaks for its end', () => {
  const [earlier] = earlierOf('web-0', [helper('b', 'source', 'web-0', 1, 'Failed'), helper('b', 'rescue', 'web-0', 2)]);
  expect(earlier && helperOf(earlier, 'source')?.metadata.name).toBe('kubectl-migrate-b-rescue');
  const [dead] = earlierOf('web-0', [helper('b', 'source', 'web-0', 1, 'Failed')]);
  expect(dead && helperOf(dead, 'source')?.metadata.name).toBe('kubectl-migrate-b-source');
  expect(dead && helperOf(dead, 'target')).toBeUndefined();
});
