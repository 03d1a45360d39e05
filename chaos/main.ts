import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { up } from '../bed/bed.ts';
import type { Outcome } from './cell.ts';
import { chosenCells } from './cells.ts';
import { controls, runControl, type ControlOutcome } from './controls.ts';
import { Results } from './results.ts';
import { lineOf, runCells } from './run.ts';
import { controlTable, failuresPage, outcomeTable } from './table.ts';

const usage = `usage: npm run chaos -- [--cells PATTERN]... [--controls] [--again] [--table FILE]

  --cells PATTERN   only those of this name, FAULT@WINDOW, in which * stands for anything
  --controls        only the controls: builds in which something is missing, and in which cells must turn bad
  --again           also what this commit has run well already
  --table FILE      write the page there that docs/ shows
`;

const { values } = parseArgs({
  options: {
    cells: { type: 'string', multiple: true, default: [] },
    controls: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    table: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const wanted = values.controls ? [] : chosenCells(values.cells);
  await bedUp();
  const outcomes = await runCells(wanted, { isAgain: values.again, onOutcome: (one) => void process.stderr.write(lineOf(one)) });
  const controlled = values.controls || values.cells.length === 0 ? await runControls() : [];
  process.stdout.write(`${outcomeTable(outcomes)}\n${controlTable(controlled)}`);
  if (values.table !== undefined) {
    await writeFile(values.table, failuresPage(outcomes, controlled));
  }
  const count = (verdict: Outcome['verdict']): number => outcomes.filter((one) => one.verdict === verdict).length;
  const blind = controlled.filter(({ isRed }) => !isRed).length;
  if (controlled.length > 0) process.stdout.write(`${controlled.length - blind} controls red, ${blind} not\n`);
  process.stdout.write(`${count('good')} good, ${count('bad')} bad, ${count('missed')} missed\n`);
  return count('good') === outcomes.length && blind === 0 ? 0 : 1;
}

async function runControls(): Promise<ControlOutcome[]> {
  const results = await Results.ofCommit();
  const outcomes: ControlOutcome[] = [];
  for (const control of controls) {
    const outcome = (values.again ? undefined : results.redControl(control.name)) ?? (await runControl(control));
    results.addControl(outcome);
    outcomes.push(outcome);
    const lines = outcome.said.map((line) => `       | ${line}\n`);
    process.stderr.write(`${outcome.isRed ? 'red   ' : 'BLIND '} ${control.name}\n${lines.join('')}`);
  }
  await bedUp(); // with this checkout's image
  return outcomes;
}

async function bedUp(): Promise<void> {
  await up((line) => process.stderr.write(`${line}\n`));
}
