import { expect, test } from 'vitest';
import { checkedEvent } from '../../src/protocol/agent-events.ts';

test.each([
  { type: 'log', message: 'x' },
  { type: 'stage', stage: 'held', ms: 1.5, bytes: 0 },
  { type: 'bytes', bytes: 7 },
  { type: 'span', name: 'dump', container: 'main', from: 1, to: 2 },
  { type: 'span', name: 'freeze', from: 1, to: 2 },
])('an event comes through as it is: %o', (event) => expect(checkedEvent(event)).toEqual(event));

test.each([
  undefined,
  'log',
  { type: 'other' },
  { type: 'log', message: 7 },
  { type: 'stage', stage: 'gone', ms: 1, bytes: 0 },
  { type: 'stage', stage: 'held', ms: Number.NaN, bytes: 0 },
  { type: 'bytes', bytes: -1 },
  { type: 'span', name: '__proto__', from: 1, to: 2 },
  { type: 'span', name: 'dump', container: { toString: 'x' }, from: 1, to: 2 },
  { type: 'span', name: 'dump', from: '1', to: 2 },
])('what is no event is left aside: %o', (value) => expect(checkedEvent(value)).toBeUndefined());

test('fields that nobody knows are not handed on', () => {
  expect(checkedEvent({ type: 'bytes', bytes: 1, evil: true })).toEqual({ type: 'bytes', bytes: 1 });
});
