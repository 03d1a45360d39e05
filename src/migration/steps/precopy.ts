import type { Prepared } from '../prepared.ts';
import type { Step } from '../step.ts';

/** Files take as long as they take: the pod runs meanwhile. */
const deadlineMs = 3_600_000;

/** Sends the pod's files ahead, while it runs. */
export const precopy: Step<Prepared, { readonly bytes: number; readonly bytesPerSecond: number }> = {
  name: 'precopy',
  writes: () => [],
  run: async ({ source, inspection }, { bytes }) => {
    const unfollow = source.listen((event) => {
      if (event.type === 'bytes') bytes(event.bytes, Math.max(event.bytes, inspection.fileBytes));
    });
    try {
      return await source.call('source.precopy', null, deadlineMs);
    } finally {
      unfollow();
    }
  },
};
