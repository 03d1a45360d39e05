import { readdirSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Lets work go on as long as files in its folders grow.
 *
 * @param stallMs how long nothing may grow
 * @param message of the Error that is thrown when nothing did
 */
export async function whileGrowing<T>(work: Promise<T>, folders: readonly string[], stallMs: number, message: string): Promise<T> {
  const over = new AbortController();
  const stalled = (async (): Promise<never> => {
    let bytes = -1;
    for (let since = performance.now(); ; await delay(100, undefined, { signal: over.signal })) {
      const now = folders.reduce((sum, folder) => sum + bytesIn(folder), 0);
      if (now !== bytes) since = performance.now();
      bytes = now;
      if (performance.now() - since > stallMs) throw new Error(message);
    }
  })();
  stalled.catch(() => undefined);
  return await Promise.race([work, stalled]).finally(() => over.abort());
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + (statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.size ?? 0), 0);
}
