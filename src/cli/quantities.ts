/** `131 MB`, `4.2 kB`: decimal units, as clusters' dashboards have them. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  // From here on it would be rounded up to 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `214 ms` below a second, `7.9 s` below a minute, `2 min 5 s` above. */
export function timeText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Seconds with two digits that count, for a line in which times are compared: `0.52 s`, `7.9 s`. */
export function secondsText(ms: number): string {
  return ms < 995 ? `${(ms / 1000).toFixed(2)} s` : timeText(Math.max(ms, 1000));
}

/** How long a step took, how much it moved and how fast: `214 ms`, `130 MB`, `608 MB/s`. */
export function measureTexts(ms: number, bytes: number): string[] {
  return bytes === 0 ? [timeText(ms)] : [timeText(ms), bytesText(bytes), `${bytesText((bytes / Math.max(ms, 1)) * 1000)}/s`];
}
