import type { Outcome } from './cell.ts';
import { cells } from './cells.ts';
import { controls, type ControlOutcome } from './controls.ts';
import { windows } from './windows.ts';

/** The page of docs/ that shows what a whole run found. */
export function failuresPage(outcomes: readonly Outcome[], controlled: readonly ControlOutcome[]): string {
  const good = outcomes.filter(({ verdict }) => verdict === 'good').length;
  const names = [...new Set(outcomes.map(({ commit }) => commit))];
  const commits = `${names.length > 1 ? 'commits' : 'commit'} ${names.join(', ')}`;
  return `# What was made to fail, when, and what became of it

Made by \`npm run chaos -- --table docs/failures.md\` at ${commits}, on two genuine clusters: ${good} of
${outcomes.length} cells good. In each cell a pod of two containers, each of two processes that tell every step by a datagram, is moved;
something fails in one stretch of the move, and it is proven that it fell into that stretch. Then what the message says is done, which is at most
to give the same command again. A cell is good when all along no second copy was heard, no step is missing or doubled, the one copy that is there in the
end has its memory, and nothing is left on the nodes or in the clusters.

*moved*: it runs at the peer. *stayed*: it runs on at home, not restarted. *deleted*: its user deleted it, and it is gone on both sides.
*again N×*: the command was given again N times. Empty: nothing can fail there, or it is another cell. What is promised, and where that ends:
[guarantees](guarantees.md).

${outcomeTable(outcomes)}
The table would tell: in builds that lack one thing, these cells turn bad.

${controlTable(controlled)}`;
}

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
