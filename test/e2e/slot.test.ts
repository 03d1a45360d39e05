import { expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { cells } from '../../chaos/cells.ts';
import { lineOf, runCells } from '../../chaos/run.ts';

/** Four minutes for what takes too long to be run whole each time; the longest cell takes one of them. */
const slotMs = 240_000;
const longestCellMs = 75_000;

test('what fails at some moments of a move, others with each commit, leaves one copy with its memory', { timeout: 600_000 }, async () => {
  const untilMs = Date.now() + slotMs - longestCellMs;
  const commit = (await must(['git', 'rev-parse', 'HEAD'])).trim();
  const first = Number.parseInt(commit.slice(0, 8), 16) % cells.length;
  process.stderr.write(`the slot of commit ${commit.slice(0, 12)} begins at cell ${first}, ${cells[first]?.name}\n`);
  const order = [...cells.slice(first), ...cells.slice(0, first)];
  const outcomes = await runCells(order, { isAgain: true, untilMs, onOutcome: (one) => void process.stderr.write(lineOf(one)) });
  expect(outcomes.length).toBeGreaterThan(0);
  expect(outcomes.filter(({ verdict }) => verdict !== 'good')).toEqual([]);
});
