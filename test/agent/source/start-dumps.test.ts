import { expect, test } from 'vitest';
import { startDumps } from '../../../src/agent/source/start-dumps.ts';
import type { Dump } from '../../../src/agent/source/dump.ts';

const emit = (): void => undefined;
const wanted = (): void => undefined;

function dumpsOf(runs: Readonly<Record<string, () => Promise<void>>>): { dumps: Dump[]; started: string[] } {
  const started: string[] = [];
  const dumps = Object.entries(runs).map(([container, run]) => ({
    container,
    images: container,
    run: async () => {
      started.push(container);
      await run();
    },
  }));
  return { dumps, started };
}

test('no dump begins once another one has failed: its end is what makes room for the next', async () => {
  const { dumps, started } = dumpsOf({
    a: async () => undefined,
    b: () => Promise.reject(new Error('b is odd')),
    c: async () => undefined,
  });
  const ends = await Promise.allSettled(startDumps(dumps, emit, wanted, 1).map(async ({ finished }) => finished));
  expect(started).toEqual(['a', 'b']);
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(ends[2]).toMatchObject({ reason: { message: 'b is odd' } });
});

test('no dump begins that is not wanted any more', async () => {
  const { dumps, started } = dumpsOf({ a: async () => undefined });
  const unwanted = (): void => {
    throw new Error('aborted');
  };
  await expect(startDumps(dumps, emit, unwanted)[0]?.finished).rejects.toThrow('aborted');
  expect(started).toEqual([]);
});

test('as many at once as are allowed, in their order', async () => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const { dumps, started } = dumpsOf({ a: async () => first.promise, b: async () => second.promise, c: async () => undefined });
  const running = startDumps(dumps, emit, wanted, 2);
  await expect.poll(() => started).toEqual(['a', 'b']);
  second.resolve();
  await running[2]?.finished;
  expect(started).toEqual(['a', 'b', 'c']);
  first.resolve();
  await Promise.all(running.map(async ({ finished }) => finished));
});
