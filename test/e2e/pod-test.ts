import { test as plainTest } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { mustKubectl, startPod } from './cluster.ts';

/** A test that has pods of its own, under names that no other test uses: nobody waits until they are gone. */
export const test = plainTest.extend<{ start: (pod: Pod) => Promise<Pod> }>({
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
