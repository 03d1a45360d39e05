import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { getPod, leftoversInTheEnd, migrate, mustKubectl, mustMigrate } from './cluster.ts';
import { collectTicks, expectOneCopy, type Ticks } from './ticks.ts';
import { watchHome } from './watch.ts';
import {
  apply,
  expectNoOther,
  jobsPath,
  kept,
  ownersOf,
  podsNamed,
  podsPath,
  remove,
  templateOf,
  untilReady,
  workload,
  type Workload,
} from './workloads.ts';

let ticks: Ticks;
beforeAll(async () => void (ticks = await collectTicks()));
afterAll(async () => ticks.stop());

describe.each([
  { kind: 'StatefulSet', name: 'db', replicas: 2 },
  { kind: 'Deployment', name: 'web', replicas: 3 },
] as const)('a pod of a $kind moves', ({ kind, name, replicas }) => {
  afterAll(async () => remove(kind, name));

  test('under its name and its owner, and nobody starts another one', async () => {
    await apply(workload(ticks, kind, name, replicas));
    const before = await untilReady(name, replicas);
    const [moved] = before;
    if (!moved) throw new Error('there is no pod');
    const collections = ownersOf[kind];
    const watch = await watchHome([podsPath, ...collections]);
    try {
      await mustMigrate(moved.metadata.name);
      await untilReady(name, replicas);
      await expectOneCopy(ticks, moved.metadata.name, { sides: ['home', 'away'] });
      const after = await getPod('home', moved.metadata.name);
      expect(after.spec.nodeName).toBe('away');
      expect(kept(after)).toEqual(kept(moved));
      await expectNoOther(ticks, watch, name, before);
      const left = (await podsNamed(name)).map(({ metadata }) => metadata.name);
      expect(left.toSorted()).toEqual(before.map(({ metadata }) => metadata.name).toSorted());
      for (const collection of collections) {
        const states = (await watch.of<Workload>(collection))
          .map(({ object }) => object)
          .filter(({ metadata }) => metadata.name.startsWith(name));
        expect(states.length).toBeGreaterThan(1);
        // The set is never below N-1, and nothing is rolled out.
        expect(Math.min(...states.map(({ status }) => status?.readyReplicas ?? 0))).toBeGreaterThanOrEqual(replicas - 1);
        expect(new Set(states.map(({ metadata }) => `${metadata.name} ${metadata.generation}`)).size).toBe(1);
      }
      expect(await leftoversInTheEnd(moved.metadata.name)).toEqual([]);
    } finally {
      await watch.stop();
    }
  });
});

describe('a pod of a Job moves', () => {
  afterAll(async () => remove('job', 'work'));

  test('and is counted once when its work is done, wherever that is', async () => {
    await apply(workload(ticks, 'Job', 'work', 1));
    const before = await untilReady('work', 1);
    const [moved] = before;
    if (!moved) throw new Error('there is no pod');
    const watch = await watchHome([podsPath, jobsPath]);
    try {
      await mustMigrate(moved.metadata.name);
      await expectOneCopy(ticks, moved.metadata.name, { sides: ['home', 'away'] });
      const after = await getPod('home', moved.metadata.name);
      expect(after.spec.nodeName).toBe('away');
      expect(kept(after)).toEqual(kept(moved));
      await expectNoOther(ticks, watch, 'work', before);
      await mustKubectl('home', 'exec', moved.metadata.name, '--', 'touch', '/tmp/done');
      await mustKubectl('home', 'wait', '--for=condition=Complete', 'job/work', '--timeout=90s');
      const states = (await watch.of<Workload>(jobsPath)).map(({ object: { status } }) => status);
      expect(states.map((status) => status?.failed ?? 0).filter((failed) => failed > 0)).toEqual([]);
      expect(states.at(-1)?.succeeded).toBe(1);
    } finally {
      await watch.stop();
    }
  });
});

test('a pod of a DaemonSet is refused with a code, and nothing is touched', async () => {
  const metadata = { name: 'every', namespace: 'demo' };
  const spec = { selector: { matchLabels: { app: 'every' } }, template: templateOf(ticks, 'every') };
  try {
    await apply({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec });
    const [pod] = await vi.waitFor(
      async () => {
        const found = await podsNamed('every');
        expect(found.some(({ status }) => status?.phase === 'Running')).toBe(true);
        return found;
      },
      { timeout: 60_000, interval: 500 },
    );
    const { code, stderr } = await migrate(pod?.metadata.name ?? '');
    expect(code).toBe(3);
    expect(stderr).toContain('[KM-DAEMON-SET]');
    expect((await getPod('home', pod?.metadata.name ?? '')).metadata.uid).toBe(pod?.metadata.uid);
  } finally {
    await remove('daemonset', 'every');
  }
});
