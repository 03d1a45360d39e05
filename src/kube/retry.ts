import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../deadlines.ts';
import { isPassing } from './errors.ts';

export interface RetryPolicy {
  readonly deadlineMs: number;
  /** Whether asking again can help; by default when no answer came or the server was not well. */
  readonly canPass?: (error: unknown) => boolean;
  /** Hears of each failure that is followed by another try. */
  readonly onRetry?: (error: Error) => void;
}

const longestPauseMs = 2_000;

/**
 * Makes a request that has to succeed, again and again until it does. The work must be safe to repeat: a request without
 * an answer may have been carried out.
 *
 * @throws what the work throws, at once when asking again cannot help, else at the deadline
 */
export async function retry<T>(work: () => Promise<T>, { deadlineMs, canPass = isPassing, onRetry }: RetryPolicy): Promise<T> {
  const deadline = performance.now() + scaled(deadlineMs);
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (!canPass(error) || performance.now() > deadline) throw error;
      onRetry?.(error as Error);
    }
    await delay(Math.min(longestPauseMs, 100 * 2 ** failures));
  }
}
