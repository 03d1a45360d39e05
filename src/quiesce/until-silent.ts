import { setTimeout as delay } from 'node:timers/promises';
import { readQueueReport, type QueueReport } from './queue-report.ts';
import { Silence } from './silence.ts';

export interface Quiesced {
  /** Whether nothing was in flight before the time was up. */
  readonly isSilent: boolean;
  readonly ms: number;
  /** What was told last, undefined when nothing was. */
  readonly last: QueueReport | undefined;
  /** Why nothing was told when it was last asked for. */
  readonly trouble: string | undefined;
}

export interface Asking {
  /** Fetches the report that is there now. What it throws is no end: a proxy under load may be late. */
  readonly ask: (signal: AbortSignal) => Promise<Uint8Array>;
  readonly pauseMs: number;
  /** When it is asked again, if no report has come. */
  readonly limitMs: number;
}

/**
 * Waits until a queue-proxy has no request in flight. Nobody may send it new ones by then: its address is out of all endpoints.
 *
 * @param timeUp when it is no longer waited
 * @param signal ends it altogether
 * @throws the signal's reason, and nothing else: what a pod says is no reason to fail
 */
export async function untilSilent({ ask, pauseMs, limitMs }: Asking, timeUp: AbortSignal, signal: AbortSignal): Promise<Quiesced> {
  const began = performance.now();
  const either = AbortSignal.any([timeUp, signal]);
  const silence = new Silence();
  let last: QueueReport | undefined;
  let trouble: string | undefined;
  let isSilent = false;
  while (!isSilent && !either.aborted) {
    try {
      last = readQueueReport(await ask(AbortSignal.any([either, AbortSignal.timeout(limitMs)])));
      trouble = undefined;
      isSilent = silence.isSaidBy(last);
    } catch (error) {
      if (!either.aborted) trouble = (error as Error).message;
    }
    if (!isSilent) await delay(pauseMs, undefined, { signal: either }).catch(() => undefined);
  }
  signal.throwIfAborted();
  return { isSilent, ms: performance.now() - began, last, trouble };
}
