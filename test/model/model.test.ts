import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import { machines } from './machines.ts';
import { walk } from './walk.ts';
import { ways } from './ways.ts';
import { begin } from './world.ts';

/*
 * The table and both machines as they are, in a world of which everything but them is made up (world.ts): processes that die, run on or
 * are started anew, messages that get lost or lie, agents, guards and keepers that are killed at each of their steps, commands that
 * are given again. properties.ts says what must hold.
 */

test('a move that nothing befalls ends well, in whatever order its parts come, and waits for no deadline', () => {
  const { wrong, ends } = explore(begin(['a', 'b'], 0), machines);
  expect(wrong).toBeUndefined();
  expect([...ends]).toEqual(['moved']);
});

test('whatever mishap befalls a move at whatever moment, there are never two copies, and never none', () => {
  const { wrong, ends } = explore(begin(['a'], 1), machines);
  expect(wrong).toBeUndefined();
  expect([...ends].toSorted()).toEqual(['in doubt', 'moved', 'refused', 'rolled back']);
});

test.each([{ containers: ['a'] }, { containers: ['a', 'b'] }])('nor do three mishaps bring that about: $containers', ({ containers }) => {
  fc.assert(
    fc.property(ways(3), (way) => walk(begin(containers, 3), way, machines)),
    { numRuns: 1_000 },
  );
});
