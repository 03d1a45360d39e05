import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mutate } from './mutate.ts';
import { mutations, rules } from './mutations.ts';
import { ways } from './ways.ts';

/** The same ways at each time: whether a mutation is found is not left to chance. */
const fixed = { seed: 4, numRuns: 20_000, endOnFailure: true };

test.each([...mutations, ...rules])('the model finds it when $name', async (mutation) => {
  const walkFrom = await mutate(mutation);
  const tried = fc.check(
    fc.property(ways(2), (way) => walkFrom(['a'], 2, way)),
    fixed,
  );
  expect(tried).toMatchObject({ failed: true });
});

test('every mutation is one of its own, and there are at least twelve of the real functions', () => {
  expect(new Set(mutations.map(({ file, line, becomes }) => `${file}: ${line} -> ${becomes}`)).size).toBe(mutations.length);
  expect(mutations.length).toBeGreaterThanOrEqual(12);
});
