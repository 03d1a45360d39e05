import { expect, test } from 'vitest';
import { checkedQuiet } from '../../src/protocol/checked-quiet.ts';

test('what an agent has learned of requests is taken field by field', () => {
  const told = { isSilent: false, inFlight: 2.5, trouble: 'x'.repeat(600), more: 1 };
  expect(checkedQuiet(told)).toEqual({ isSilent: false, inFlight: 2.5, trouble: 'x'.repeat(500) });
  expect(checkedQuiet({ isSilent: true, inFlight: null, trouble: null })).toEqual({ isSilent: true, inFlight: null, trouble: null });
});

test.each([
  [null],
  [{ isSilent: 'yes', inFlight: 0, trouble: null }],
  [{ isSilent: true, inFlight: -1, trouble: null }],
  [{ isSilent: true, inFlight: Infinity, trouble: null }],
  [{ isSilent: true, inFlight: '0', trouble: null }],
  [{ isSilent: true, inFlight: 0, trouble: 7 }],
])('and nothing else: %j', (told) => {
  expect(() => checkedQuiet(told)).toThrow('an agent has');
});
