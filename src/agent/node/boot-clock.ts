import { readFileSync } from 'node:fs';

/**
 * Milliseconds since the node was booted, suspended time included, to 10 ms: CLOCK_BOOTTIME, by which all deadlines on a node are
 * told. Node.js has no call for it; this file is of the same clock, in the time namespace that the node's runtime gives to us
 * and to the runtime wrapper alike.
 */
export function bootMs(): number {
  const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  if (!Number.isFinite(seconds)) throw new Error('/proc/uptime tells no time');
  return Math.round(seconds * 1000);
}
