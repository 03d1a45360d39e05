import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { mustIn, up } from '../bed/bed.ts';
import { collectTicks } from '../test/e2e/ticks.ts';
import { runCell, type Outcome } from './cell.ts';
import { chosenCells } from './cells.ts';
import { Results } from './results.ts';
import { outcomeTable } from './table.ts';

const usage = `usage: npm run chaos -- [--cells PATTERN]... [--again] [--table FILE]

  --cells PATTERN   only those of this name, FAULT@WINDOW, in which * stands for anything
  --again           also those that this commit has run well already
  --table FILE      write the table there, as docs/ shows it
`;

const { values } = parseArgs({
  options: {
    cells: { type: 'string', multiple: true, default: [] },
    again: { type: 'boolean', default: false },
    table: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const wanted = chosenCells(values.cells);
  await up((line) => process.stderr.write(`${line}\n`));
  await mustIn(['kubectl', '-n', 'demo', 'delete', 'pods', '--all', '--grace-period=1']);
  const results = await Results.ofCommit();
  const ticks = await collectTicks();
  const outcomes: Outcome[] = [];
  try {
    for (const cell of wanted) {
      const known = results.of(cell.name);
      const outcome = known?.verdict === 'good' && !values.again ? known : await runCell(cell, ticks);
      results.add(outcome);
      outcomes.push(outcome);
      process.stderr.write(lineOf(outcome));
    }
  } finally {
    await ticks.stop();
  }
  const table = outcomeTable(outcomes);
  process.stdout.write(table);
  if (values.table !== undefined) await writeFile(values.table, table);
  const count = (verdict: Outcome['verdict']): number => outcomes.filter((one) => one.verdict === verdict).length;
  process.stdout.write(`${count('good')} good, ${count('bad')} bad, ${count('missed')} missed\n`);
  return count('good') === outcomes.length ? 0 : 1;
}

function lineOf({ cell, verdict, end, codes, why, ms }: Outcome): string {
  return `${verdict.padEnd(6)} ${cell}: ${end}, exit ${codes.join(', ')}, ${(ms / 1000).toFixed(0)} s${why.map((one) => `\n         ${one}`).join('')}\n`;
}
