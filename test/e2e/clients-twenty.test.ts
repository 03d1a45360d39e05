import { afterAll, expect, test } from 'vitest';
import { migrateWithoutRelay, moveUnderLoad, tableOf, troublesIn, type MoveUnderLoad } from '../load/move.ts';
import { ofOtherNode } from '../load/places.ts';

const otherNode = await ofOtherNode();
afterAll(otherNode.remove);

test('no client hangs in twenty moves', { timeout: 3_600_000 }, async () => {
  const troubles: string[] = [];
  const told = (what: string, moved: MoveUnderLoad): string =>
    `${what}, frozen for ${moved.report.frozenMs} ms, in all ${moved.report.totalMs} ms\n${tableOf(moved)}`;
  for (let move = 1; move <= 20; move++) {
    const moved = await moveUnderLoad(`asked-${move}`, otherNode);
    process.stdout.write(told(`move ${move}`, moved));
    troubles.push(...troublesIn(moved).map((trouble) => `move ${move}: ${trouble}`));
    if (move % 5 > 0) continue;
    // On the same machine and at the same time, that it would show.
    const name = `not-led-on-${move}`;
    const control = await moveUnderLoad(name, otherNode, async () => migrateWithoutRelay(name));
    process.stdout.write(told(`without the relay, after move ${move}`, control));
    expect(troublesIn(control)).toContainEqual(expect.stringContaining('requests hung'));
  }
  expect(troubles).toEqual([]);
});
