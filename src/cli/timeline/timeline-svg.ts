import type { MigrationReport } from '../../migration/contract.ts';
import { timeText } from '../quantities.ts';
import { layOut, type Bar, type Frozen, type Panel, type Row } from './layout.ts';

const width = 960;
const labelWidth = 270;
const rightMargin = 80;
const rowHeight = 22;
const barHeight = 14;
const colours: Readonly<Record<Bar['kind'], string>> = { step: '#5b6b7f', source: '#2f6fd0', target: '#1b8a5a', wait: '#c9ced6' };
const legend: readonly (readonly [Bar['kind'], string])[] = [
  ['source', 'the source works'],
  ['target', 'the target works'],
  ['wait', 'a container waits'],
];

/** A finished migration as a picture: a whole SVG document that needs nothing else. */
export function timelineSvg(report: MigrationReport): string {
  const { title, frozen, panels, footnote } = layOut(report);
  const parts: string[] = [text(20, 32, title, 'font-size="17" font-weight="600"')];
  let y = 64;
  for (const panel of panels) {
    parts.push(text(20, y, panel.title, 'font-size="14" font-weight="600"'));
    const drawn = drawPanel(panel, frozen, y + 12);
    parts.push(...drawn.parts);
    y = drawn.bottom + 44;
  }
  parts.push(
    ...legend.map(([kind, words], index) => `${rect(20 + index * 170, y - 11, 12, 12, colours[kind])}${text(38 + index * 170, y, words)}`),
  );
  parts.push(text(20, y + 24, footnote, 'fill="#6a737d" font-size="11"'));
  const height = y + 44;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12" fill="#24292f">`,
    rect(0, 0, width, height, '#ffffff'),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function drawPanel(panel: Panel, frozen: Frozen | undefined, top: number): { parts: string[]; bottom: number } {
  const scale = (width - labelWidth - rightMargin) / (panel.toMs - panel.fromMs);
  const x = (ms: number): number => labelWidth + Math.min(Math.max(ms - panel.fromMs, 0), panel.toMs - panel.fromMs) * scale;
  const parts: string[] = [];
  let y = top;
  for (const { label, rows } of panel.groups.filter((group) => group.rows.length > 0)) {
    y += rowHeight;
    parts.push(text(20, y - 6, label, 'fill="#6a737d"'));
    for (const row of rows) {
      parts.push(...drawRow(row, y, x));
      y += rowHeight;
    }
  }
  const band = frozen ? [rect(x(frozen.fromMs), top, Math.max(x(frozen.toMs) - x(frozen.fromMs), 2), y - top, '#ffe9b8')] : [];
  const bandLabel = frozen
    ? [text((x(frozen.fromMs) + x(frozen.toMs)) / 2, top + 15, frozen.label, 'text-anchor="middle" font-weight="600" fill="#9a6700"')]
    : [];
  return { parts: [...band, ...parts, ...bandLabel, ...axis(panel, y, x)], bottom: y + 20 };
}

function drawRow({ label, bars }: Row, y: number, x: (ms: number) => number): string[] {
  const middle = y + barHeight - 2;
  const end = Math.max(...bars.map(({ toMs }) => toMs));
  const from = Math.min(...bars.map(({ fromMs }) => fromMs));
  return [
    text(36, middle, label),
    ...bars.map((bar) => rect(x(bar.fromMs), y, Math.max(x(bar.toMs) - x(bar.fromMs), 1.5), barHeight, colours[bar.kind], bar.what)),
    text(x(end) + 6, middle, timeText(end - from), 'fill="#6a737d" font-size="11"'),
  ];
}

function axis({ fromMs, toMs }: Panel, y: number, x: (ms: number) => number): string[] {
  const step = tick((toMs - fromMs) / 8);
  const ticks: string[] = [`<line x1="${labelWidth}" y1="${y}" x2="${width - rightMargin}" y2="${y}" stroke="#d0d7de"/>`];
  for (let ms = Math.ceil(fromMs / step) * step; ms <= toMs; ms += step) {
    ticks.push(
      `<line x1="${fixed(x(ms))}" y1="${y}" x2="${fixed(x(ms))}" y2="${y + 4}" stroke="#d0d7de"/>`,
      text(x(ms), y + 16, `${Number((ms / 1000).toFixed(3))} s`, 'text-anchor="middle" fill="#6a737d" font-size="10"'),
    );
  }
  return ticks;
}

/** The next larger of 1, 2, 5 times a power of ten. */
function tick(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= atLeast) ?? power * 10;
}

function rect(x: number, y: number, w: number, h: number, fill: string, title?: string): string {
  const shape = `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(w)}" height="${fixed(h)}" fill="${fill}"`;
  return title === undefined ? `${shape}/>` : `${shape}><title>${escaped(title)}</title></rect>`;
}

function text(x: number, y: number, words: string, attributes = ''): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escaped(words)}</text>`;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Names of pods, nodes and containers are not ours. Characters that XML does not have are left out. */
function escaped(words: string): string {
  // oxlint-disable-next-line no-control-regex
  return words.replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F]/g, '').replace(/[&<>"]/g, (one) => entities[one] ?? one);
}
