import { afterAll, describe, expect } from 'vitest';
import { nodes } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { Pod } from '../../src/kube/types.ts';
import { followLogs, getPod, kubectl, leftoversInTheEnd, migrate, migrateElsewhere, mustKubectl, startMigration } from './cluster.ts';
import { limitedPod, limitsOfLimitedPod, limitsOnNode } from './limits.ts';
import { holdRestored } from './faults.ts';
import { expectMoved } from './moved.ts';
import { heardTest } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';
import { expectRunsOn } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);
const heardPod = (name: string): Pod => podOf(name, [], { containers: [ticks.beacon('main', { megabytes: 16 })] });

test('a second command for a pod that is being moved is refused at once, and disturbs nothing', async ({ start }) => {
  await start(heardPod('twice'));
  const old = await followLogs('twice');
  const first = await startMigration('twice');
  await first.sees('standby ...');
  const hold = await holdRestored();
  await hold.untilHeld();
  const second = await migrate('twice');
  expect(second.stderr).toMatch(/error: pod demo\/twice is being moved already: migration [0-9a-f]{8} moves it to away since \S+Z/);
  expect(second.code).toBe(3);
  await hold.letGo();
  expect((await first.result).code).toBe(0);
  await expectMoved('twice', old, ticks);
  expect(await leftoversInTheEnd()).toEqual([]);
});

test('of two commands that start at the same instant one moves it, or none and it runs on', async ({ start }) => {
  const original = await start(heardPod('at-once'));
  const old = await followLogs('at-once');
  const results = await Promise.all([migrate('at-once'), migrate('at-once')]);
  const codes = results.map(({ code }) => code).toSorted((one, other) => one - other);
  expect(codes, results.map(({ stderr }) => stderr).join('\n')).toEqual([0, 3]);
  await expectMoved('at-once', old, ticks);
  expect((await getPod('home', 'at-once')).metadata.uid).not.toBe(original.metadata.uid);
  expect(await leftoversInTheEnd()).toEqual([]);
});

describe('the same command again, from another machine, moves the pod that a dead command left', () => {
  for (const step of ['plan', 'prepare', 'precopy', 'standby', 'checkpoint', 'restore', 'commit', 'cutover', 'cleanup']) {
    test(`killed at "${step} ..."`, async ({ start }) => {
      const name = `again-${step}`;
      await start(heardPod(name));
      const old = await followLogs(name);
      const first = await startMigration(name);
      await first.sees(`${step} ...`);
      first.child.kill('SIGKILL');
      await first.result;
      const { code, stderr } = await migrateElsewhere(name);
      // It had come to its end a moment before it was killed.
      if (step === 'cleanup' && code === 3) expect(stderr).toContain('it is on away already');
      else expect(code, stderr).toBe(0);
      await expectMoved(name, old, ticks);
      expect(await leftoversInTheEnd()).toEqual([]);
    });
  }

  test('with its limits, which are in force before', async ({ start }) => {
    const { command } = ticks.beacon('main');
    await start(limitedPod('again-limits', command ?? []));
    const old = await followLogs('again-limits');
    const first = await startMigration('again-limits');
    await first.sees('commit ...');
    first.child.kill('SIGKILL');
    await first.result;
    await expect.poll(async () => limitsOnNode(await getPod('away', 'again-limits')), { timeout: 20_000 }).toEqual(limitsOfLimitedPod);
    const { code, stderr } = await migrateElsewhere('again-limits');
    expect(code, stderr).toBe(0);
    expect(await limitsOnNode(await getPod('away', 'again-limits'))).toEqual(limitsOfLimitedPod);
    await expectMoved('again-limits', old, ticks);
  });

  test('though the target agent has died as well, after the commit: its node tells that the pod runs', async ({ start }) => {
    await start(heardPod('again-agentless'));
    const old = await followLogs('again-agentless');
    const first = await startMigration('again-agentless');
    await first.sees('cutover ...');
    first.child.kill('SIGKILL');
    await first.result;
    for (const node of nodes.filter(({ cluster }) => cluster === 'away'))
      await runOnNode(node, ['pkill', '-9', '-f', 'agent.mjs serve target']);
    const { code, stderr } = await migrateElsewhere('again-agentless');
    expect(code, stderr).toBe(0);
    await expectMoved('again-agentless', old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('when its old object is gone, and its new one was never made', async ({ start }) => {
    await start(heardPod('again-unmade'));
    const old = await followLogs('again-unmade');
    const first = await startMigration('again-unmade');
    await first.sees('standby ...');
    await mustKubectl('home', 'create', 'quota', 'none', '--hard=pods=0');
    try {
      const { code, stderr } = await first.result;
      expect(stderr).toContain('its old object is gone from cluster home, and the new one could not be made');
      expect(code).toBe(4);
    } finally {
      await mustKubectl('home', 'delete', 'resourcequota', 'none');
    }
    const { code, stdout, stderr } = await migrateElsewhere('again-unmade', '-o', 'json');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ pod: 'again-unmade', to: 'away', frozenMs: null });
    await expectMoved('again-unmade', old, ticks);
    expect((await getPod('home', 'again-unmade')).metadata.labels).toMatchObject({ app: 'again-unmade' });
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});

test('a command that was suspended while the pod was prepared rolls back when it wakes up', async ({ start }) => {
  const original = await start(heardPod('suspended'));
  const first = await startMigration('suspended');
  await first.sees('standby ...');
  // As soon as there is something at the peer that could be started anew.
  const isThere = async (): Promise<number> => (await kubectl('away', 'get', 'pod', 'suspended', '-o', 'name')).code;
  await expect.poll(isThere, { timeout: 30_000, interval: 50 }).toBe(0);
  first.child.kill('SIGSTOP');
  const { uid } = (await getPod('away', 'suspended')).metadata;
  // Longer than the agents wait for a word of it: the target's refuses the pod from then on.
  const events = async (): Promise<string> =>
    (await kubectl('away', 'get', 'events', `--field-selector=involvedObject.uid=${uid}`, '-o', 'custom-columns=:.message')).stdout;
  await expect.poll(events, { timeout: 90_000, interval: 1_000 }).toMatch(/went away|aborted/);
  first.child.kill('SIGCONT');
  expect((await first.result).code).toBe(1);
  await expectRunsOn(original, ticks);
  expect(await leftoversInTheEnd()).toEqual([]);
});
