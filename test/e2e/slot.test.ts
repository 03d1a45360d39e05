import { afterAll, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { runCell, type Outcome } from '../../chaos/cell.ts';
import { cells } from '../../chaos/cells.ts';
import { collectTicks } from './ticks.ts';

/** The one slot for what is long: each commit has a part of the table of chaos run, another one than the commit before. */
const slotMs = 240_000;
/** What a cell takes at the most, nearly always: none is begun later than this before the slot's end. */
const cellMs = 45_000;

const ticks = await collectTicks();
afterAll(ticks.stop);

test('a part of the table of chaos, chosen by the commit: one copy with its memory, whatever dies', { timeout: 2 * slotMs }, async () => {
  const commit = (await must(['git', 'rev-parse', 'HEAD'])).trim();
  const start = Number.parseInt(commit.slice(0, 8), 16) % cells.length;
  const outcomes: Outcome[] = [];
  const end = performance.now() + slotMs - cellMs;
  for (const cell of [...cells.slice(start), ...cells.slice(0, start)]) {
    if (performance.now() > end) break;
    const outcome = await runCell(cell, ticks);
    process.stdout.write(`slot: ${outcome.cell}: ${outcome.verdict}, ${outcome.end}\n`);
    outcomes.push(outcome);
  }
  expect(outcomes.filter(({ verdict }) => verdict !== 'good')).toEqual([]);
});
