import fc from 'fast-check';
import type { Way } from './walk.ts';

/** @param mishaps how many at most */
export function ways(mishaps: number): fc.Arbitrary<Way> {
  const mishap = fc.record({ at: fc.nat({ max: 90 }), which: fc.nat({ max: 40 }) });
  return fc.record({
    choices: fc.array(fc.nat({ max: 7 }), { maxLength: 120, size: 'max' }),
    mishaps: fc.array(mishap, { maxLength: mishaps, size: 'max' }),
  });
}
