import { test as plainTest, type TestAPI } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { mustKubectl, startPod } from './cluster.ts';
import { provesFreshStartIsSeen, type Ticks } from './ticks.ts';

interface Pods {
  readonly start: (pod: Pod) => Promise<Pod>;
}

/** A test that has pods of its own, under names that no other test uses: nobody waits until they are gone. */
export const test = plainTest.extend<Pods>({
  // eslint-disable-next-line no-empty-pattern -- the runner reads from the pattern what a fixture needs
  start: async ({}, use) => {
    const made: string[] = [];
    await use(async (pod) => {
      made.push(pod.metadata.name);
      return await startPod(pod);
    });
    if (made.length > 0) await mustKubectl('home', 'delete', 'pods', ...made, '--grace-period=1', '--ignore-not-found', '--wait=false');
  },
});

/** The same; of a pod with beacons a second copy would be heard, and that is shown before anything is done to it. */
export function heardTest(ticks: Ticks): TestAPI<Pods> {
  return test.extend<Pods>({
    start: async ({ start }, use) => {
      await use(async (pod) => {
        const original = await start(pod);
        if (pod.spec.containers.some(({ command }) => command?.[0] === 'beacon')) await provesFreshStartIsSeen(ticks, original);
        return original;
      });
    },
  });
}
