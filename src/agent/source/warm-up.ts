import { wholePod } from '../../protocol/frames.ts';
import type { PeerLink } from '../peer/link.ts';

const chunk = Buffer.alloc(1 << 20);
const mostBytes = 32 << 20;
/** A narrow link is not kept busy for nothing. */
const mostMs = 500;

/**
 * Sends bytes that mean nothing, while the pod runs still. Through a fresh link the first 16 MB go at 90 MB/s, later ones
 * at 400 to 600: Node.js compiles what it has run often, at both ends, and TCP finds how much it may have under way. All
 * that would be time in which the pod stands still.
 *
 * @returns bytes a second that arrived, of the second half where that was reached
 */
export async function warmUp(link: PeerLink): Promise<number> {
  const sender = link.openFile(wholePod, 'warm-up', 'warm-up');
  const before = link.sent.bytes;
  const arrived = (): { bytes: number; at: number } => ({ bytes: link.sent.bytes - before - link.unacknowledged, at: performance.now() });
  const start = { bytes: 0, at: performance.now() };
  let from = start;
  for (let sent = 0; sent < mostBytes && performance.now() - start.at < mostMs; sent += chunk.length) {
    if (sent === mostBytes / 2) from = arrived();
    await sender.write(chunk);
  }
  sender.end();
  const to = arrived();
  return (Math.max(1, to.bytes - from.bytes) / Math.max(1, to.at - from.at)) * 1000;
}
