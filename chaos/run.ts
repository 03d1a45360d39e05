import { down, mustIn, up } from '../bed/bed.ts';
import { must } from '../build/run.ts';
import { collectTicks, type Ticks } from '../test/e2e/ticks.ts';
import { runCell, type Outcome } from './cell.ts';
import type { Cell } from './cells.ts';
import { Results } from './results.ts';

/** So often a fault is tried to be put into its window, which may be a few milliseconds long. */
const attempts = 3;

export interface RunOptions {
  /** Also those that this commit has run well already. */
  readonly isAgain: boolean;
  /** No further cell is begun after that instant, ms since 1970. */
  readonly untilMs?: number;
  readonly onOutcome: (outcome: Outcome) => void;
}

/** Runs cells one after the other on a bed that is up. @returns the outcomes of those that were run, now or before */
export async function runCells(cells: readonly Cell[], { isAgain, untilMs = Infinity, onOutcome }: RunOptions): Promise<Outcome[]> {
  await mustIn(['kubectl', '-n', 'demo', 'delete', 'pods', '--all', '--grace-period=1']);
  const results = await Results.ofCommit();
  let ticks = await collectTicks();
  const outcomes: Outcome[] = [];
  const commit = (await must(['git', 'rev-parse', '--short=12', 'HEAD'])).trim();
  try {
    for (const cell of cells) {
      if (Date.now() > untilMs) break;
      const outcome = (isAgain ? undefined : results.goodCell(cell.name)) ?? (await untilHit(cell, ticks, commit));
      results.addCell(outcome);
      outcomes.push(outcome);
      onOutcome(outcome);
      if (outcome.verdict !== 'bad') continue;
      await ticks.stop();
      await renewBed();
      ticks = await collectTicks(); // its network was the old bed's
    }
  } finally {
    await ticks.stop();
  }
  return outcomes;
}

/** What a bad cell has left would be found by the next one. */
async function renewBed(): Promise<void> {
  await down();
  await up(() => undefined);
}

/** A bad outcome counts at once. */
async function untilHit(cell: Cell, ticks: Ticks, commit: string): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await runCell(cell, ticks, commit);
    if (outcome.verdict !== 'missed' || attempt === attempts) return outcome;
  }
}

/** An outcome in a line, and one more for each thing that speaks against it. */
export function lineOf({ cell, verdict, end, codes, why, ms }: Outcome): string {
  const words = `${verdict.padEnd(6)} ${cell}: ${end}, exit ${codes.join(', ')}, ${(ms / 1000).toFixed(0)} s`;
  return [words, ...why.map((one) => `         ${one}`)].map((line) => `${line}\n`).join('');
}
