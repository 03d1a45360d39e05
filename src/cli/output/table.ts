/** Between two columns. */
const gap = 3;
const narrowest = 6;

/** A table as `kubectl get` lays one out: columns as wide as their widest cell, the last one without padding. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[], hasHeader = true): string {
  const lines = hasHeader ? [header, ...rows] : rows;
  const widths = header.map((_title, column) => Math.max(narrowest, ...lines.map((cells) => (cells[column] ?? '').length + gap)));
  return lines
    .map((cells) => `${cells.map((cell, column) => (column === header.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('')}\n`)
    .join('');
}
