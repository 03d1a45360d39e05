import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { insideBed } from '../../bed/bed.ts';
import { clusters, nodeNamed, nodes } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import { recordedProcesses } from '../../bed/processes.ts';
import { run } from '../../build/run.ts';
import { expectRunsOn, expectUntouched } from './untouched.ts';
import {
  deletePod,
  followLogs,
  getPod,
  kubectl,
  leftoversInTheEnd,
  logs,
  mustKubectl,
  startMigration,
  startPod,
  type Running,
} from './cluster.ts';
import { test } from './pod-test.ts';
import { podOf } from './pods.ts';
import { breaksIn, stepsIn } from './steps.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';

const targets = nodes.filter(({ cluster }) => cluster === 'away');
const nodeFolder = '/var/lib/kubectl-migrate';

async function onTargets(script: string, input = ''): Promise<string> {
  const command = ['sh', '-c', `cd ${nodeFolder} 2>/dev/null || exit 0; ${script}`];
  const results = await Promise.all(targets.map(async (node) => runOnNode(node, command, { input })));
  return results.map(({ stdout }) => stdout).join('');
}

const killAgents = 'pkill -9 -f "agent.mjs serve"';

/** From now on a restored container stops just before it would run, until `let go`. */
async function holdRestored(): Promise<{ untilHeld: () => Promise<void>; letGo: () => Promise<void> }> {
  const wait = `case $CRTOOLS_SCRIPT_ACTION in pre-resume) touch ${nodeFolder}/is-held; while [ -e ${nodeFolder}/hold ]; do sleep 0.05; done;; esac`;
  const script = `#!/bin/sh\nPATH=/usr/bin:/bin\n${wait}\nexec ${nodeFolder}/behind/hook\n`;
  await onTargets('touch hold; mkdir -p behind; mv hook behind/hook; cat > hook; chmod 755 hook', script);
  return {
    untilHeld: async () =>
      expect.poll(async () => onTargets('ls is-held 2>/dev/null'), { timeout: 60_000, interval: 100 }).toContain('is-held'),
    letGo: async () => void (await onTargets('rm -f hold')),
  };
}

const podNetwork = (cluster: string): string => clusters.find(({ name }) => name === cluster)?.podCidr ?? '';
const whenDecided = (then: string): string => `until grep -q . /run/kubectl-migrate/pods/*/*/decision; do :; done 2>/dev/null; ${then}`;

/** While `work` runs, nothing gets from the one network to the other. */
async function withoutPackets([from, to]: readonly [string, string], work: () => Promise<void>): Promise<void> {
  const rule = ['FORWARD', '-s', from, '-d', to, '-j', 'DROP'];
  await runOnNode(nodeNamed('home-1'), ['iptables', '-I', ...rule]);
  try {
    await work();
  } finally {
    await runOnNode(nodeNamed('home-1'), ['iptables', '-D', ...rule]);
  }
}

async function expectMoved(name: string, old: Awaited<ReturnType<typeof followLogs>>): Promise<void> {
  expect((await getPod('home', name)).spec.nodeName).toBe('away');
  await old.end;
  expect(breaksIn([...stepsIn(old.text()), ...stepsIn(await logs('home', name))])).toEqual([]);
}

describe('before the commit the source runs on, and nothing is left', () => {
  // One pod for all: it is the same one after each.
  let original: Pod;
  beforeAll(async () => {
    original = await startPod(podOf('steady', ['ticker', '64', '20']));
  });
  afterAll(async () => deletePod('steady'));

  async function expectRolledBack(running: Running, reason: RegExp): Promise<void> {
    const { code, stderr } = await running.result;
    const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
    expect(errors.join()).toMatch(reason);
    expect(errors).toHaveLength(1);
    expect(code).toBe(1);
    await expectUntouched(original);
  }

  test('when the agents cannot be started', async () => {
    const running = await startMigration('steady', '--agent-image', 'example.test/none:1');
    await expectRolledBack(running, /helper pod .* cannot start: container \S+ with image example\.test\/none:1/);
  });

  test('when the target agent dies while the peer makes the pod', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    await onTargets(killAgents);
    await expectRolledBack(running, /agent/);
  });

  test('when the target agent dies the moment before the commit', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await onTargets(killAgents);
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
    await withoutPackets([podNetwork('home'), podNetwork('away')], async () =>
      withoutPackets([podNetwork('away'), podNetwork('home')], async () => {
        await hold.letGo();
        await expectRolledBack(running, /connection to the target's agent was lost: nothing came from the other agent/);
      }),
    );
  });

  test('when the source agent dies after it has written down that the target may run, and before the target hears of it', async () => {
    const running = await startMigration('steady');
    await running.sees('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    await withoutPackets([podNetwork('home'), podNetwork('away')], async () => {
      await hold.letGo();
      await runOnNode(nodeNamed('home-1'), ['sh', '-c', whenDecided(killAgents)]);
      await expectRolledBack(running, /the agent in \S+-source ended the conversation/);
    });
  });

  test('when the pod begins to be deleted', async ({ start }) => {
    await start(podOf('ending', ['ticker', '16', '20']));
    const running = await startMigration('ending');
    await running.sees('precopy ...');
    await mustKubectl('home', 'delete', 'pod', 'ending', '--grace-period=20', '--wait=false');
    const { code, stderr } = await running.result;
    expect(stderr).toMatch(/error: pod demo\/ending in cluster home (began to be|was) deleted while its move was prepared/);
    expect(code).toBe(1);
    expect(await leftoversInTheEnd()).toEqual([]);
    expect((await kubectl('away', 'get', 'pods,shadowpods', '-o', 'name')).stdout).not.toContain('ending');
  });
});

describe('after the commit the pod moves', () => {
  test('with labels and annotations that were changed meanwhile', async ({ start }) => {
    await start(podOf('relabelled', ['ticker', '16', '20']));
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
    await start(podOf('silent', ['ticker', '16', '20']));
    const old = await followLogs('silent');
    const running = await startMigration('silent');
    const servers = (await recordedProcesses()).filter(({ name }) => name.endsWith('-apiserver'));
    expect(servers).toHaveLength(2);
    await running.sees('cutover ...');
    for (const { pid } of servers) process.kill(pid, 'SIGSTOP');
    running.child.kill('SIGINT');
    setTimeout(() => servers.forEach(({ pid }) => process.kill(pid, 'SIGCONT')), 4_000);
    expect((await running.result).code).toBe(0);
    await expectMoved('silent', old);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('or, when the source agent dies in the moment of the commit, runs on where it was', async ({ start }) => {
    const original = await start(podOf('committed', ['ticker', '16', '20']));
    const old = await followLogs('committed');
    const running = await startMigration('committed');
    await running.sees('standby ...');
    const kill = runOnNode(nodeNamed('home-1'), ['sh', '-c', whenDecided(killAgents)]);
    const { code, stderr } = await running.result;
    await kill;
    expect(code, stderr).toBe(stderr.includes('error: ') ? 1 : 0);
    if (code === 0) await expectMoved('committed', old);
    else await expectRunsOn(original);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('though the virtual kubelet hears of the new object long after it could hear of anything at the peer', async ({ start }) => {
    await start(podOf('unheard', ['ticker', '16', '20']));
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
    const silence = ['OUTPUT', '-d', virtualKubelet, '-p', 'tcp', '--sport', '6443', '-j', 'DROP'];
    const running = await startMigration('unheard');
    await running.sees('checkpoint ...');
    await runOnNode(home, ['iptables', '-I', ...silence]);
    try {
      await running.sees('cutover ...');
      await delay(4_000);
    } finally {
      await runOnNode(home, ['iptables', '-D', ...silence]);
    }
    expect(await running.result).toMatchObject({ code: 0 });
    await expectMoved('unheard', old);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('though the target agent dies when all runs there, and cannot clean up', async ({ start }) => {
    await start(podOf('unswept', ['ticker', '16', '20']));
    const old = await followLogs('unswept');
    const running = await startMigration('unswept');
    const servers = (await recordedProcesses()).filter(({ name }) => name.endsWith('-apiserver'));
    await running.sees('cutover ...');
    for (const { pid } of servers) process.kill(pid, 'SIGSTOP');
    try {
      await onTargets(killAgents);
    } finally {
      for (const { pid } of servers) process.kill(pid, 'SIGCONT');
    }
    const { code, stdout, stderr } = await running.result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('is left') as string });
    expect(stdout).toContain('migrated');
    await expectMoved('unswept', old);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('and when its new object is not taken, the command tells how things stand and how to finish, which works', async ({ start }) => {
    await start(podOf('unmade', ['ticker', '16', '20']));
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
    const commands = stderr
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('kubectl '));
    expect(commands.length).toBeGreaterThan(2);
    const inside = await insideBed(['bash', '-ec', commands.join('\n')]);
    expect(await run(inside.command, { env: inside.env })).toMatchObject({ code: 0 });
    await rm(/create -f (\S+)/.exec(stderr)?.[1] ?? '');
    await expectMoved('unmade', old);
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});
