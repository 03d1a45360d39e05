import { expect, test } from 'vitest';
import { readFact } from '../../../src/migration/helpers/on-target-node.ts';

const told = (state: string, uptimeSeconds: unknown): string => JSON.stringify({ state, uptimeSeconds });

test('a node tells what its keepers have decided', () => {
  expect(readFact(told('runs', 1000), 60)).toBe('runs');
  expect(readFact(told('ended', 1000), 60)).toBe('ended');
  expect(readFact(told('never', 1000), 60)).toBe('never');
});

test('a node that was started anew since the migration began gives no word that it never ran', () => {
  expect(readFact(told('never', 59), 60)).toBe('silent');
  expect(readFact(told('never', undefined), 60)).toBe('silent');
  expect(readFact(told('never', 1000), Number.NaN)).toBe('silent');
  expect(readFact(told('runs', 59), 60)).toBe('runs');
});

test('what is no answer is silence', () => {
  for (const one of [undefined, '', 'never', '{}', told('sometimes', 1000)]) expect(readFact(one, 60)).toBe('silent');
});
