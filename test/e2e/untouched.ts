import { expect, vi } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { getPod, kubectl, leftoversInTheEnd, logs } from './cluster.ts';
import { breaksIn, stepsIn } from './steps.ts';

/** The pod runs on as the same pod, nothing of its memory is lost, and nothing of any migration is there any more. */
export async function expectUntouched(original: Pod): Promise<void> {
  expect(await leftoversInTheEnd()).toEqual([]);
  await expectRunsOn(original);
}

/** The same while other migrations may be under way. */
export async function expectRunsOn(original: Pod): Promise<void> {
  const { name, uid } = original.metadata;
  const pod = await getPod('home', name);
  expect(pod.metadata.uid).toBe(uid);
  expect(pod.spec.nodeName).toBe('home-1');
  expect(pod.status?.containerStatuses?.map(({ restartCount }) => restartCount)).toEqual(original.spec.containers.map(() => 0));
  const before = stepsIn(await logs('home', name)).length;
  await vi.waitFor(async () => expect(stepsIn(await logs('home', name)).length).toBeGreaterThan(before), {
    timeout: 10_000,
    interval: 200,
  });
  expect(breaksIn(stepsIn(await logs('home', name)))).toEqual([]);
  const twins = await kubectl('away', 'get', 'pods,shadowpods', '-o', 'name');
  expect(twins.stdout).not.toMatch(new RegExp(`/${name}$`, 'm'));
}
