import type { IncomingMessage } from 'node:http';
import type { KubeConnection } from './connection.ts';
import { errorOfStatus, KubeError, type Status } from './errors.ts';
import type { Query } from './transport.ts';

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** A watch that hears nothing may be dead without knowing, so each is short and followed by a list. */
export const watchSeconds = 30;

/**
 * Opens a watch on a collection. Once this is fulfilled it is under way: nothing that happens after `resourceVersion` is missed.
 *
 * @returns the events until the watch ends, by itself or at the signal; breaking off throws KubeError
 */
export async function openWatch<T>(
  connection: KubeConnection,
  collection: string,
  query: Query,
  resourceVersion: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<WatchEvent<T>>> {
  const silence = AbortSignal.timeout((watchSeconds + 10) * 1000);
  const ended = AbortSignal.any([signal, silence]);
  const details = { query: { ...query, watch: 'true', resourceVersion, timeoutSeconds: String(watchSeconds) } };
  try {
    return events<T>(await connection.open(collection, details, ended), signal, silence);
  } catch (error) {
    if (silence.aborted && !signal.aborted) throw new KubeError(0, 'Disconnected', 'the watch never began', { cause: error });
    throw error;
  }
}

async function* events<T>(answer: IncomingMessage, signal: AbortSignal, silence: AbortSignal): AsyncGenerator<WatchEvent<T>> {
  let text = '';
  answer.setEncoding('utf8');
  try {
    for await (const chunk of answer as AsyncIterable<string>) {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') continue;
        const event = JSON.parse(line) as { type: string; object: unknown };
        if (event.type === 'ERROR') throw errorOfStatus(event.object as Status);
        if (event.type !== 'BOOKMARK') yield event as WatchEvent<Awaited<T>>;
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof KubeError) throw error;
    if (silence.aborted) return;
    throw new KubeError(0, 'Disconnected', `the watch broke: ${(error as Error).message}`, { cause: error });
  }
}
