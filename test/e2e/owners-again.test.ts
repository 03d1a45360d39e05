import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getPod, leftoversInTheEnd, migrateElsewhere, mustKubectl, startMigration } from './cluster.ts';
import { collectTicks, expectOneCopy, type Ticks } from './ticks.ts';
import { apply, kept, podsNamed, remove, untilReady, workload } from './workloads.ts';

let ticks: Ticks;
beforeAll(async () => void (ticks = await collectTicks()));
afterAll(async () => ticks.stop());

/** The command ends between the deletion of the old object and the creation of the new one, and the owner starts a pod from nothing. */
describe.each([
  { kind: 'StatefulSet', name: 'adb', replicas: 2 },
  { kind: 'Deployment', name: 'aweb', replicas: 2 },
  { kind: 'Job', name: 'awork', replicas: 1 },
] as const)('the same command finishes the move of a pod of a $kind', ({ kind, name, replicas }) => {
  afterAll(async () => remove(kind, name));

  test('though its owner has started another one from nothing in between', async () => {
    await apply(workload(ticks, kind, name, replicas));
    const [moved] = await untilReady(name, replicas);
    if (!moved) throw new Error('there is no pod');
    const pod = moved.metadata.name;
    const first = await startMigration(pod);
    await first.sees('standby ...');
    await mustKubectl('home', 'create', 'quota', 'none', '--hard=pods=0');
    try {
      const { code, stderr } = await first.result;
      expect(stderr).toContain('its old object is gone from cluster home, and the new one could not be made');
      expect(code).toBe(4);
    } finally {
      await mustKubectl('home', 'delete', 'resourcequota', 'none');
    }
    const all = (await untilReady(name, replicas)).filter(({ metadata, spec }) => metadata.name !== pod || spec.nodeName !== 'away');
    const afresh = all.find(
      ({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') > Date.parse(moved.metadata.creationTimestamp ?? ''),
    );
    const address = afresh?.status?.podIP;
    if (address === undefined) throw new Error('its owner has started no other one');

    const { code, stdout, stderr } = await migrateElsewhere(pod, '-o', 'json');
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as { notes: string[] }).notes.join('\n')).toContain('from nothing');
    // Its kubelet ends it a moment after its object is gone.
    const late = (): number => ticks.of(pod).filter((tick) => tick.address === address && tick.receivedMs > Date.now() - 1_000).length;
    await expect.poll(late, { timeout: 60_000, interval: 200 }).toBe(0);
    ticks.forget(pod, address);
    await expectOneCopy(ticks, pod, { sides: ['home', 'away'] });
    const after = await getPod('home', pod);
    expect(after.spec.nodeName).toBe('away');
    expect(kept(after)).toEqual(kept(moved));
    await untilReady(name, replicas);
    expect((await podsNamed(name)).map(({ metadata }) => metadata.name)).toContain(pod);
    if (kind === 'Job') {
      await mustKubectl('home', 'exec', pod, '--', 'touch', '/tmp/done');
      await mustKubectl('home', 'wait', '--for=condition=Complete', `job/${name}`, '--timeout=90s');
      expect(await mustKubectl('home', 'get', 'job', name, '-o', 'jsonpath={.status.succeeded} {.status.failed}')).toBe('1 ');
    }
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});
