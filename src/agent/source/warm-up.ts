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
 */
export async function warmUp(link: PeerLink): Promise<void> {
  const sender = link.openFile(wholePod, 'warm-up', 'warm-up');
  const start = performance.now();
  for (let sent = 0; sent < mostBytes && performance.now() - start < mostMs; sent += chunk.length) await sender.write(chunk);
  sender.end();
}
