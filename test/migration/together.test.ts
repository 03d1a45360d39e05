import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { together } from '../../src/migration/together.ts';

const never = new AbortController().signal;

test('gives what each of them gives', async () => {
  expect(
    await together(
      never,
      async () => delay(5, 'slow'),
      async () => 2,
    ),
  ).toEqual(['slow', 2]);
});

test('when one fails the other is told, and nothing is made after the failure was thrown', async () => {
  const made: string[] = [];
  const slow = async (signal: AbortSignal): Promise<void> => {
    for (let attempt = 1; attempt < 10; attempt++) {
      await delay(10);
      signal.throwIfAborted();
      made.push(`helper-${attempt}`);
    }
  };
  const failing = async (): Promise<never> => {
    await delay(15);
    throw new Error('no such image');
  };
  await expect(together(never, slow, failing)).rejects.toThrow('no such image');
  const before = made.length;
  await delay(50);
  expect(made).toHaveLength(before);
  expect(before).toBeLessThan(3);
});

test('the wish to stop reaches all of them', async () => {
  const stop = new AbortController();
  const work = together(
    stop.signal,
    async (signal) => delay(5_000, undefined, { signal }),
    async (signal) => delay(5_000, undefined, { signal }),
  );
  stop.abort(new Error('enough'));
  await expect(work).rejects.toThrow();
});
