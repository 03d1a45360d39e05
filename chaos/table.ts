import type { Outcome } from './cell.ts';
import { cells } from './cells.ts';
import { windows } from './windows.ts';

/** "Failure x moment → outcome" as a Markdown table; a cell that was not run is left open. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  const known = new Map(outcomes.map((one) => [one.cell, one]));
  const faults = [...new Set(cells.map(({ fault }) => fault))];
  const rows = faults.map((fault) => [fault, ...windows.map((window) => wordOf(known.get(`${fault}@${window}`)))]);
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return `${[line(['', ...windows]), line(['---', ...windows.map(() => '---')]), ...rows.map(line)].join('\n')}\n`;
}

function wordOf(outcome: Outcome | undefined): string {
  if (!outcome) return '';
  const again = outcome.codes.length > 1 ? `, again ${outcome.codes.length - 1}×` : '';
  return outcome.verdict === 'good' ? `${outcome.end}${again}` : `**${outcome.verdict}**`;
}
