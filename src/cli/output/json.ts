/** A value on standard output, as kubectl prints one. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 4)}\n`;
}
