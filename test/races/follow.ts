import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConnection } from '../../src/kube/connection.ts';
import { isPassing } from '../../src/kube/errors.ts';
import type { Query } from '../../src/kube/transport.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { openWatch, type WatchEvent } from '../../src/kube/watch.ts';

/** Tells of what is there and of all that comes, until the signal; fulfilled with the end. */
export async function follow<T extends KubeObject>(
  connection: KubeConnection,
  collection: string,
  query: Query,
  signal: AbortSignal,
  see: (event: WatchEvent<T>) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { metadata, items } = await connection.list<T>(collection, signal, query);
      for (const object of items) see({ type: 'ADDED', object });
      for (let resourceVersion = metadata.resourceVersion ?? ''; ;) {
        for await (const event of await openWatch<T>(connection, collection, query, resourceVersion, signal)) {
          resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
          see(event);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      await delay(100);
    }
  }
}
