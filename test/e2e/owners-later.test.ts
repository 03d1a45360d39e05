import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { getPod, kubectl, mustKubectl, mustMigrate } from './cluster.ts';
import { collectTicks, type Ticks } from './ticks.ts';
import { apply, podsNamed, remove, untilReady, workload, type ownersOf } from './workloads.ts';

let ticks: Ticks;
beforeAll(async () => void (ticks = await collectTicks()));
afterAll(async () => ticks.stop());

/** Starts a workload and moves one of its pods. @returns that pod's name */
async function movedPodOf(kind: keyof typeof ownersOf, name: string, replicas: number): Promise<string> {
  await apply(workload(ticks, kind, name, replicas));
  const pod = (await untilReady(name, replicas))[0]?.metadata.name ?? '';
  await mustMigrate(pod);
  await untilReady(name, replicas);
  return pod;
}

/** Nothing of it runs at the peer any more, and nobody hears it. */
async function expectGone(pod: string): Promise<void> {
  await vi.waitFor(
    async () => {
      expect((await kubectl('away', 'get', 'pod', pod)).stderr).toContain('not found');
      expect((await kubectl('away', 'get', 'shadowpod', pod)).stderr).toContain('not found');
    },
    { timeout: 120_000, interval: 1_000 },
  );
  const heard = ticks.of(pod).filter(({ side }) => side === 'away').length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(ticks.of(pod).filter(({ side }) => side === 'away')).toHaveLength(heard);
}

describe('a moved pod of a Deployment', () => {
  afterAll(async () => remove('deployment', 'lweb'));

  test('goes with a rollout as every other one', async () => {
    const pod = await movedPodOf('Deployment', 'lweb', 2);
    await mustKubectl('home', 'rollout', 'restart', 'deployment/lweb');
    await mustKubectl('home', 'rollout', 'status', 'deployment/lweb', '--timeout=120s');
    await expectGone(pod);
    const after = await untilReady('lweb', 2);
    expect(after.map(({ metadata }) => metadata.name)).not.toContain(pod);
  });
});

describe('a moved pod of a StatefulSet', () => {
  afterAll(async () => remove('statefulset', 'ldb'));

  test('goes with a scale-down, and a new one of its name comes with a scale-up', async () => {
    const pod = await movedPodOf('StatefulSet', 'ldb', 1);
    const { uid } = (await getPod('home', pod)).metadata;
    await mustKubectl('home', 'scale', 'statefulset/ldb', '--replicas=0');
    await expectGone(pod);
    await mustKubectl('home', 'scale', 'statefulset/ldb', '--replicas=1');
    const [fresh] = await untilReady('ldb', 1);
    expect(fresh?.metadata).toMatchObject({ name: pod });
    expect(fresh?.metadata.uid).not.toBe(uid);
  });
});

describe('a moved pod of a Job', () => {
  afterAll(async () => remove('job', 'lwork'));

  test('goes when the Job is deleted', async () => {
    const pod = await movedPodOf('Job', 'lwork', 1);
    await mustKubectl('home', 'delete', 'job', 'lwork', '--wait=false');
    await expectGone(pod);
    expect(await podsNamed('lwork')).toEqual([]);
  });
});
