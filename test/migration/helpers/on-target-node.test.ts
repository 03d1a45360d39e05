import { expect, test } from 'vitest';
import { readFact } from '../../../src/migration/helpers/on-target-node.ts';

test('a node tells what its keepers have decided', () => {
  for (const state of ['runs', 'ended', 'never', 'silent']) expect(readFact(JSON.stringify({ state }))).toBe(state);
});

test('what is no answer is silence', () => {
  for (const one of [undefined, '', 'never', '{}', '{"state":"sometimes"}']) expect(readFact(one)).toBe('silent');
});
