import { expect } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { getPod, kubectl, leftoversInTheEnd, logs } from './cluster.ts';
import { breaksIn, stepsIn } from './steps.ts';

/** The pod runs on as the same pod, nothing of its memory is lost, and nothing of the migration is there any more. */
export async function expectUntouched(original: Pod): Promise<void> {
  const { name, uid } = original.metadata;
  expect(await leftoversInTheEnd()).toEqual([]);
  const pod = await getPod('home', name);
  expect(pod.metadata.uid).toBe(uid);
  expect(pod.spec.nodeName).toBe('home-1');
  expect(pod.status?.containerStatuses?.map(({ restartCount }) => restartCount)).toEqual(original.spec.containers.map(() => 0));
  const before = stepsIn(await logs('home', name)).length;
  await expect.poll(async () => stepsIn(await logs('home', name)).length, { timeout: 10_000 }).toBeGreaterThan(before);
  expect(breaksIn(stepsIn(await logs('home', name)))).toEqual([]);
  const twins = await kubectl('away', 'get', 'pods,shadowpods', '-o', 'name');
  expect(twins.stdout).not.toContain(name);
}
