import { setTimeout as delay } from 'node:timers/promises';
import { isAgent } from './faults.ts';
import { away, home } from './places.ts';
import { signalAll } from './processes.ts';
import type { Watch } from './watch.ts';
import { edges, type Window } from './windows.ts';

/** How long after the last container is held the target's agent needs to say so; a wait that is too short shows as missed. */
const wordMs = 700;

/**
 * Waits for the beginning of a window. Between the words of the two agents lie microseconds: there the one whose turn it is is
 * suspended, as any process can be on a busy node, until the fault has been carried out.
 *
 * @returns what lets it go on
 */
export async function untilOpen(window: Window, watch: Watch): Promise<() => void> {
  if (window !== 'held' && window !== 'committed') {
    await watch.until(edges[window].from);
    return () => undefined;
  }
  await watch.until('stage sent');
  signalAll(home, isAgent, 'SIGSTOP');
  await watch.until('all held');
  await delay(wordMs);
  const goOn = (): void => void signalAll(home, isAgent, 'SIGCONT');
  if (window === 'held') return goOn;
  signalAll(away, isAgent, 'SIGSTOP');
  goOn();
  await watch.until('source decided');
  return () => void signalAll(away, isAgent, 'SIGCONT');
}
