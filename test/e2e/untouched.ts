import { expect } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { getPod, leftoversInTheEnd, logs, mustKubectl } from './cluster.ts';
import { containerIdOf } from './pods.ts';
import { breaksIn, stepsIn } from './steps.ts';
import { expectOneCopy, type Ticks } from './ticks.ts';

/**
 * The pod runs on as the same pod, nothing of its memory is lost, no copy of it has run at the peer at any time, and nothing
 * of any migration is there any more.
 */
export async function expectUntouched(original: Pod, ticks: Ticks): Promise<void> {
  expect(await leftoversInTheEnd()).toEqual([]);
  await expectRunsOn(original, ticks);
}

/** The same while other migrations may be under way. */
export async function expectRunsOn(original: Pod, ticks: Ticks): Promise<void> {
  const { name, uid } = original.metadata;
  const pod = await getPod('home', name);
  expect(pod.metadata.uid).toBe(uid);
  expect(pod.spec.nodeName).toBe('home-1');
  for (const container of original.spec.containers)
    expect(containerIdOf(pod, container.name)).toBe(containerIdOf(original, container.name));
  expect(
    (await mustKubectl('away', 'get', 'pods,shadowpods', '-o', 'name')).split('\n').filter((line) => line.endsWith(`/${name}`)),
  ).toEqual([]);
  // What was at the peer is gone, or it would tick yet: now the ticks tell whether it ever ran.
  await expectOneCopy(ticks, name, { sides: ['home'] });
  expect(breaksIn(stepsIn(await logs('home', name)))).toEqual([]);
}
