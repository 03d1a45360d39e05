import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { insideBed } from '../../bed/bed.ts';
import { nodeNamed } from '../../bed/layout.ts';
import { recordedProcesses } from '../../bed/processes.ts';
import { run } from '../../build/run.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import { faultsIn } from '../ticks/one-copy.ts';
import {
  deletePod,
  followLogs,
  getPod,
  leftoversInTheEnd,
  migrate,
  mustKubectl,
  startMigration,
  startPod,
  type Running,
} from './cluster.ts';
import { holdRestored, killAgent, killSourceAgentWhenDecided, onNode, withoutPackets } from './faults.ts';
import { expectMoved } from './moved.ts';
import { heardTest } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks, expectOneCopy, provesFreshStartIsSeen } from './ticks.ts';
import { expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);

const test = heardTest(ticks);
const heardPod = (name: string, megabytes = 16): Pod => podOf(name, [], { containers: [ticks.beacon('main', { megabytes })] });

describe('before the commit the source runs on, and nothing is left', () => {
  // One pod for all: it is the same one after each.
  let original: Pod;
  beforeAll(async () => {
    original = await startPod(heardPod('steady', 64));
    await provesFreshStartIsSeen(ticks, original);
  });
  beforeEach(() => ticks.forget('steady'));
  afterAll(async () => deletePod('steady'));

  async function expectRolledBack(running: Running, reason: RegExp): Promise<void> {
    const { code, stderr } = await running.result;
    const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
    expect(errors.join()).toMatch(reason);
    expect(errors).toHaveLength(1);
    expect(code).toBe(1);
    await expectUntouched(original, ticks);
  }

  test('when the agents cannot be started', async () => {
    const running = await startMigration('steady', '--agent-image', 'example.test/none:1');
    await expectRolledBack(running, /helper pod .* cannot start: container \S+ with image example\.test\/none:1/);
  });

  test('when the target agent dies while the peer makes the pod', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    await killAgent('away');
    await expectRolledBack(running, /agent/);
  });

  test('when the target agent dies the moment before the commit', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await killAgent('away');
    await hold.letGo();
    await expectRolledBack(running, /connection to the target's agent was lost/);
  });

  test('when somebody deletes a helper', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await mustKubectl('home', 'delete', 'pods', '-l', 'kubectl-migrate/role=target', '--wait=false');
    // It takes a while until the peer's node hears of it.
    await running.sees('rolling back');
    await hold.letGo();
    await expectRolledBack(running, /somebody ended a helper pod|agent/);
  });

  test('when the link between the agents is cut', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await withoutPackets(['home', 'away'], async () =>
      withoutPackets(['away', 'home'], async () => {
        await hold.letGo();
        await expectRolledBack(running, /connection to the target's agent was lost: nothing came from the other agent/);
      }),
    );
  });

  test('when the pod begins to be deleted', async ({ start }) => {
    await start(heardPod('ending'));
    const running = await startMigration('ending');
    await running.sees('precopy ...');
    await mustKubectl('home', 'delete', 'pod', 'ending', '--grace-period=20', '--wait=false');
    const { code, stderr } = await running.result;
    expect(stderr).toMatch(/error: pod demo\/ending in cluster home (began to be|was) deleted while its move was prepared/);
    expect(code).toBe(1);
    expect(await leftoversInTheEnd()).toEqual([]);
    expect(await mustKubectl('away', 'get', 'pods,shadowpods', '-o', 'name')).not.toContain('ending');
    expect(faultsIn(ticks.of('ending'), { sides: ['home'] })).toEqual([]);
  });
});

describe('after the commit the pod moves', () => {
  test('and not before it, however long all of it stands restored', async ({ start }) => {
    await start(heardPod('late'));
    const old = await followLogs('late');
    const running = await startMigration('late');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await delay(2_000);
    const commitMs = Date.now();
    await hold.letGo();
    expect(await running.result).toMatchObject({ code: 0 });
    await expectOneCopy(ticks, 'late', { sides: ['home', 'away'], commitMs });
    await expectMoved('late', old, ticks);
  });

  test('with labels and annotations that were changed meanwhile', async ({ start }) => {
    await start(heardPod('relabelled'));
    await mustKubectl('home', 'label', 'pod', 'relabelled', 'old=1');
    const running = await startMigration('relabelled');
    // At once, and early enough: the object is read for the last time when the frozen part is over.
    await running.sees('precopy ...');
    await mustKubectl(
      'home',
      'patch',
      'pod',
      'relabelled',
      '--type=merge',
      '-p',
      JSON.stringify({ metadata: { labels: { new: '2', old: null }, annotations: { note: '3' } } }),
    );
    expect((await running.result).code).toBe(0);
    const { metadata } = await getPod('home', 'relabelled');
    expect(metadata.labels).toMatchObject({ app: 'relabelled', new: '2' });
    expect(metadata.labels).not.toHaveProperty('old');
    expect(metadata.annotations).toMatchObject({ note: '3' });
    await expect
      .poll(async () => (await getPod('away', 'relabelled')).metadata.labels, { timeout: 20_000 })
      .toMatchObject({ app: 'relabelled', new: '2' });
    // A label that goes stays on the peer's pod, as with any pod of Liqo's: its controller could take away only what it applied.
    const shadow = JSON.parse(await mustKubectl('away', 'get', 'shadowpod', 'relabelled', '-o', 'json')) as KubeObject;
    expect(shadow.metadata.labels).toMatchObject({ new: '2' });
    expect(shadow.metadata.labels).not.toHaveProperty('old');
  });

  test('though the API servers of both clusters do not answer for some seconds, and its user wants to stop', async ({ start }) => {
    await start(heardPod('silent'));
    const old = await followLogs('silent');
    const running = await startMigration('silent');
    const servers = (await recordedProcesses()).filter(({ name }) => name.endsWith('-apiserver'));
    expect(servers).toHaveLength(2);
    await running.sees('cutover ...');
    for (const { pid } of servers) process.kill(pid, 'SIGSTOP');
    running.child.kill('SIGINT');
    setTimeout(() => servers.forEach(({ pid }) => process.kill(pid, 'SIGCONT')), 4_000);
    expect((await running.result).code).toBe(0);
    await expectMoved('silent', old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('though the source agent dies when it has decided, and the target cannot hear of it', async ({ start }) => {
    await start(heardPod('decided'));
    const old = await followLogs('decided');
    const running = await startMigration('decided');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await withoutPackets(['home', 'away'], async () => {
      await hold.letGo();
      await killSourceAgentWhenDecided();
      const { code, stderr } = await running.result;
      expect(code, stderr).toBe(0);
    });
    await expectMoved('decided', old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('though the source agent dies in the moment of the commit', async ({ start }) => {
    await start(heardPod('committed'));
    const old = await followLogs('committed');
    const running = await startMigration('committed');
    await running.sees('standby ...');
    const kill = killSourceAgentWhenDecided();
    const { code, stderr } = await running.result;
    await kill;
    expect(code, stderr).toBe(0);
    await expectMoved('committed', old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('though the virtual kubelet hears of the new object long after it could hear of anything at the peer', async ({ start }) => {
    await start(heardPod('unheard'));
    const old = await followLogs('unheard');
    const home = nodeNamed('home-1');
    const virtualKubelet = (
      await mustKubectl(
        'home',
        'get',
        'pods',
        '-A',
        '-l',
        'offloading.liqo.io/component=virtual-kubelet',
        '-o',
        'jsonpath={.items[*].status.podIP}',
      )
    ).trim();
    const silence = `OUTPUT -d ${virtualKubelet} -p tcp --sport 6443 -j DROP`;
    const running = await startMigration('unheard');
    await running.sees('checkpoint ...');
    await onNode(home, `iptables -I ${silence}`);
    try {
      await running.sees('cutover ...');
      await delay(4_000);
    } finally {
      await onNode(home, `iptables -D ${silence}`);
    }
    expect(await running.result).toMatchObject({ code: 0 });
    await expectMoved('unheard', old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test.for([
    { role: 'source', cluster: 'home' },
    { role: 'target', cluster: 'away' },
  ] as const)('though the $role agent dies when all runs there, and cannot clean up', async ({ role, cluster }, { start }) => {
    const name = `unswept-${role}`;
    await start(heardPod(name));
    const old = await followLogs(name);
    const running = await startMigration(name);
    const servers = (await recordedProcesses()).filter((one) => one.name.endsWith('-apiserver'));
    await running.sees('cutover ...');
    for (const { pid } of servers) process.kill(pid, 'SIGSTOP');
    try {
      await killAgent(cluster);
    } finally {
      for (const { pid } of servers) process.kill(pid, 'SIGCONT');
    }
    const { code, stdout, stderr } = await running.result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('is left') as string });
    expect(stdout).toContain('migrated');
    await expectMoved(name, old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('and when its new object is not taken, the command tells how things stand and how to finish by hand, which works', async ({
    start,
  }) => {
    await start(heardPod('unmade'));
    const old = await followLogs('unmade');
    const running = await startMigration('unmade');
    await running.sees('standby ...');
    await mustKubectl('home', 'create', 'quota', 'none', '--hard=pods=0');
    const { code, stderr } = await running.result;
    await mustKubectl('home', 'delete', 'resourcequota', 'none');
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /error: pod demo\/unmade was moved and runs at away, but its old object is gone from cluster home, and the new one could not be made: .*quota/,
    );
    // The same command again would do it as well (again.test.ts).
    const [, byHand = ''] = stderr.split('by hand, and then the same command only cleans up on the nodes:\n');
    const commands = byHand
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('kubectl '));
    expect(commands.length).toBeGreaterThan(2);
    const inside = await insideBed(['bash', '-ec', commands.join('\n')]);
    expect(await run(inside.command, { env: inside.env })).toMatchObject({ code: 0 });
    const { uid } = (await getPod('home', 'unmade')).metadata;
    expect(await migrate('unmade')).toMatchObject({ code: 0 });
    expect((await getPod('home', 'unmade')).metadata.uid).toBe(uid);
    await rm(/create .*-f (\S+)/.exec(stderr)?.[1] ?? '');
    await expectMoved('unmade', old, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});
