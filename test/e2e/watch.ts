import { spawn } from 'node:child_process';
import { insideBed, mustIn } from '../../bed/bed.ts';
import type { KubeObject } from '../../src/kube/types.ts';

export interface Seen<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

export interface Watch {
  /** All states of all objects of a collection, from the one that the watch began with on, in their order. */
  readonly of: <T extends KubeObject>(collection: string) => Promise<readonly Seen<T>[]>;
  readonly stop: () => Promise<void>;
}

/**
 * Watches collections of the home cluster from now on, without a gap.
 *
 * @param collections paths such as `/api/v1/namespaces/demo/pods`
 */
export async function watchHome(collections: readonly string[]): Promise<Watch> {
  const watches = await Promise.all(
    collections.map(async (collection) => {
      const list = JSON.parse(await mustIn(['kubectl', 'get', '--raw', `${collection}?limit=500`])) as {
        metadata: { resourceVersion: string };
        items: KubeObject[];
      };
      const from = `${collection}?watch=true&timeoutSeconds=900&resourceVersion=${list.metadata.resourceVersion}`;
      const { command, env } = await insideBed(['kubectl', 'get', '--raw', from]);
      const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      const end = new Promise<void>((resolve) => child.once('close', () => resolve()));
      const first = list.items.map((object): Seen => ({ type: 'ADDED', object }));
      return { collection, child, end, all: (): Seen[] => [...first, ...eventsIn(text)] };
    }),
  );
  return {
    of: async <T extends KubeObject>(collection: string) => {
      const found = watches.find((watch) => watch.collection === collection);
      if (!found || found.child.exitCode !== null) throw new Error(`${collection} is not watched${found ? ' any more' : ''}`);
      await upToNow(found.all, collection);
      return found.all() as Seen<T>[];
    },
    stop: async () => {
      for (const { child } of watches) child.kill();
      await Promise.all(watches.map(async ({ end }) => end));
    },
  };
}

function eventsIn(text: string): Seen[] {
  const events = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Seen | { type: 'ERROR' });
  if (events.some(({ type }) => type === 'ERROR')) throw new Error(`a watch broke: ${text.slice(-500)}`);
  return events as Seen[];
}

/** Waits until the watch has come to the state that the server has now: what it has not told yet would be no proof. */
async function upToNow(all: () => readonly Seen[], collection: string): Promise<void> {
  const { items } = JSON.parse(await mustIn(['kubectl', 'get', '--raw', collection])) as { items: KubeObject[] };
  const deadline = performance.now() + 20_000;
  const isThere = ({ metadata }: KubeObject): boolean =>
    all().some(
      ({ object }) => object.metadata.uid === metadata.uid && Number(object.metadata.resourceVersion) >= Number(metadata.resourceVersion),
    );
  while (!items.every(isThere)) {
    if (performance.now() > deadline) throw new Error(`the watch of ${collection} does not come after`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
