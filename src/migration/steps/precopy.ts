import type { Prepared } from '../prepared.ts';

/** Files take as long as they take: the pod runs meanwhile. */
const deadlineMs = 3_600_000;

/** Sends the pod's files ahead, while it runs. @param moved is told how far it is, in bytes */
export async function precopy(
  { source, inspection }: Prepared,
  moved: (bytes: number, about: number) => void,
): Promise<{ bytes: number; bytesPerSecond: number }> {
  const unfollow = source.listen((event) => {
    if (event.type === 'bytes') moved(event.bytes, Math.max(event.bytes, inspection.fileBytes));
  });
  try {
    return await source.call('source.precopy', null, deadlineMs);
  } finally {
    unfollow();
  }
}
