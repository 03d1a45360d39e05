import type { MigrationReport } from '../../migration/contract.ts';
import { escapeControls } from '../escape.ts';
import { timeText } from '../quantities.ts';
import { layOut, type Bar, type Frozen, type Panel, type Row } from './layout.ts';

const marks: Readonly<Record<Bar['kind'], string>> = { step: '█', source: '█', target: '█', wait: '░' };
const timeWidth = 8;

/**
 * A finished migration as rows of bars, for a terminal or a text file. The time in which the pod stood still lies
 * between two lines.
 *
 * @param width columns that may be used; less than 60 counts as 60
 */
export function timelineText(report: MigrationReport, width: number): string {
  const { title, frozen, panels, footnote } = layOut(report);
  const labels = panels.flatMap(({ groups }) => groups.flatMap(({ rows }) => rows.map(({ label }) => label.length)));
  const labelWidth = Math.min(36, Math.max(...labels, 0));
  const barWidth = Math.max(60, width) - labelWidth - timeWidth - 6;
  const lines = panels.flatMap((panel) => [
    '',
    panelTitle(panel, frozen),
    ...panel.groups.flatMap(({ label, rows }) => groupLines(label, rows, panel, frozen, labelWidth, barWidth)),
  ]);
  return escapeControls(`${[title, ...lines, '', '█ works  ░ waits  ┊ the pod stands still in between', footnote].join('\n')}\n`);
}

function panelTitle({ title }: Panel, frozen: Frozen | undefined): string {
  return frozen ? `${title} (${frozen.label})` : title;
}

function groupLines(
  label: string,
  rows: readonly Row[],
  panel: Panel,
  frozen: Frozen | undefined,
  labelWidth: number,
  barWidth: number,
): string[] {
  if (rows.length === 0) return [];
  return [
    `${label}:`,
    ...rows.map((row) => `  ${cut(row.label, labelWidth).padEnd(labelWidth)}  ${barsOf(row, panel, frozen, barWidth)}  ${timeOf(row)}`),
  ];
}

function barsOf({ bars }: Row, { fromMs, toMs }: Panel, frozen: Frozen | undefined, width: number): string {
  const column = (ms: number): number => Math.min(width - 1, Math.max(0, Math.floor(((ms - fromMs) / (toMs - fromMs)) * width)));
  const cells = Array.from({ length: width }, () => ' ');
  if (frozen) for (const ms of [frozen.fromMs, frozen.toMs]) cells[column(ms)] = '┊';
  for (const bar of bars) cells.fill(marks[bar.kind], column(bar.fromMs), Math.max(column(bar.toMs), column(bar.fromMs) + 1));
  return cells.join('');
}

/** From the first bar's begin to the last one's end. */
function timeOf({ bars }: Row): string {
  const from = Math.min(...bars.map(({ fromMs }) => fromMs));
  return timeText(Math.max(...bars.map(({ toMs }) => toMs)) - from).padStart(timeWidth);
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
