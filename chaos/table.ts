import type { Outcome } from './cell.ts';
import { cells } from './cells.ts';
import { controls, type ControlOutcome } from './controls.ts';
import { windows } from './windows.ts';

/** "Failure x moment → outcome" as a Markdown table; a cell that was not run is left open. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  const known = new Map(outcomes.map((one) => [one.cell, one]));
  const faults = [...new Set(cells.map(({ fault }) => fault))];
  const rows = faults.map((fault) => [fault, ...windows.map((window) => wordOf(known.get(`${fault}@${window}`)))]);
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return `${[line(['', ...windows]), line(['---', ...windows.map(() => '---')]), ...rows.map(line)].join('\n')}\n`;
}

/** Builds that lack something, the cells that must turn bad in them, and whether they did. */
export function controlTable(outcomes: readonly ControlOutcome[]): string {
  const rows = controls.flatMap(({ name, cells: named }) => {
    const outcome = outcomes.find(({ control }) => control === name);
    return outcome ? [`| ${name} | ${named.join('; ')} | ${outcome.isRed ? 'all bad' : '**not all bad**'} |`] : [];
  });
  return `${['| a build with … | turns bad | seen |', '| --- | --- | --- |', ...rows].join('\n')}\n`;
}

function wordOf(outcome: Outcome | undefined): string {
  if (!outcome) return '';
  const again = outcome.codes.length > 1 ? `, again ${outcome.codes.length - 1}×` : '';
  return outcome.verdict === 'good' ? `${outcome.end}${again}` : `**${outcome.verdict}**`;
}
