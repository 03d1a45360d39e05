import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { timed, type EventSink } from '../clock.ts';
import type { Dump } from './dump.ts';
import type { RunningDump } from './send-images.ts';

/**
 * Starts dumps in order, as many at once as there are processors: the first one is complete early, and its restore can begin. None
 * begins when one has failed: its place is free before anybody can have heard of it, and the guard would end all but that one.
 *
 * @param requireWanted throws when no other one may begin
 */
export function startDumps(
  dumps: readonly Dump[],
  emit: EventSink,
  requireWanted: () => void,
  atOnce = availableParallelism(),
): RunningDump[] {
  const limit = pLimit(atOnce);
  let failure: Error | undefined;
  const start = async (dump: Dump): Promise<void> => {
    if (failure) throw failure;
    requireWanted();
    try {
      await dump.run();
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  };
  return dumps.map((dump) => ({ ...dump, finished: limit(async () => timed(emit, 'dump', dump.container, async () => start(dump))) }));
}
