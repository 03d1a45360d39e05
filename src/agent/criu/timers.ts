import { rewriteEntries } from './files-image.ts';
import { encodeFields } from './protobuf.ts';

/** From CRIU's images/fdinfo.proto and images/timerfd.proto. */
const timerField = 12;
const field = { ticks: 5, seconds: 7, nanoseconds: 8, intervalSeconds: 9, intervalNanoseconds: 10 };

/**
 * Rewrites CRIU's `files.img` so that timerfds with an interval go on. The kernel arms one again only when its ticks are
 * read, so one that expires while the pod stands still is dumped with no time left; restored so, it is disarmed for good.
 * It gets its interval for the time that is left. One that the program itself disarmed has no ticks and stays as it is.
 *
 * @throws Error when the file is not what CRIU writes
 */
export function rearmTimers(image: Buffer): Buffer {
  return rewriteEntries(image, timerField, (timer) => {
    const value = (number: number): bigint => timer.find((one) => one.number === number)?.value ?? 0n;
    const isDue = value(field.ticks) > 0n && value(field.seconds) === 0n && value(field.nanoseconds) === 0n;
    if (!isDue) return encodeFields(timer);
    const left: Readonly<Record<number, bigint>> = {
      [field.seconds]: value(field.intervalSeconds),
      [field.nanoseconds]: value(field.intervalNanoseconds),
    };
    return encodeFields(timer.map((one) => ({ ...one, value: left[one.number] ?? one.value ?? 0n })));
  });
}
