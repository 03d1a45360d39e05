import { afterAll, afterEach, expect } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { isUnified } from '../../bed/cgroups.ts';
import { nodes, type BedNode } from '../../bed/layout.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { followLogs, leftoversInTheEnd, migrate, mustKubectl, startMigration, type Side } from './cluster.ts';
import { holdRestored, onNode } from './faults.ts';
import { expectMoved } from './moved.ts';
import { test } from './pod-test.ts';
import { containerOf, podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);

const ticker = ['ticker', '1', '50'] as const;

afterEach(async () => {
  await mustKubectl('away', 'taint', 'nodes', '--all', 'edge=held:NoSchedule-').catch((error: Error) => {
    if (!error.message.includes('not found')) throw error;
  });
  for (const side of ['home', 'away'] as const) await mustKubectl(side, 'delete', 'limitrange', '--all');
});

/** What each agent on a node, and its pod, weigh where processors are short. */
async function weightsOfAgents(node: BedNode): Promise<string[]> {
  const [mine, root, file] = isUnified
    ? ['^0::', '/sys/fs/cgroup', 'cpu.weight']
    : ['^[0-9]*:[^:]*\\bcpu\\b[^:]*:', '/sys/fs/cgroup/cpu', 'cpu.shares'];
  const script = `
    for pid in $(pgrep -f '[a]gent.mjs serve' || [ $? = 1 ]); do
      folder=${root}$(sed -n 's,${mine},,p' /proc/$pid/cgroup)
      cat $folder/${file} $folder/../${file}
    done`;
  return (await onNode(node, script)).split('\n').filter(Boolean);
}

async function taintPeer(): Promise<void> {
  await mustKubectl('away', 'taint', 'nodes', '--all', 'edge=held:NoSchedule');
}

/** Small defaults for whatever is made in the namespace from now on. */
async function limitRange(side: Side): Promise<void> {
  const limits = [{ type: 'Container', default: { cpu: '100m', memory: '256Mi' }, defaultRequest: { cpu: '10m', memory: '16Mi' } }];
  const object = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'defaults', namespace: 'demo' }, spec: { limits } };
  await mustIn(['kubectl', '--context', side, '-n', 'demo', 'apply', '-f', '-'], { input: JSON.stringify(object) });
}

test('a pod that tolerates the taints of the peer moves: its helper tolerates them, too', async ({ start }) => {
  const tolerations = [{ key: 'edge', operator: 'Equal', value: 'held', effect: 'NoSchedule' }];
  await start(podOf('tolerant', [], { tolerations, containers: [ticks.beacon('main')] }));
  await taintPeer();
  const old = await followLogs('tolerant');
  const { code, stderr } = await migrate('tolerant');
  expect(stderr).not.toContain('error: ');
  expect(code).toBe(0);
  await expectMoved('tolerant', old, ticks);
});

test('while a pod stands still its helpers count as much as others on their nodes', async ({ start }) => {
  await start(podOf('weighed', [], { containers: [ticks.beacon('main')] }));
  const running = await startMigration('weighed');
  await running.sees('standby ...');
  const hold = await holdRestored();
  await hold.untilHeld();
  const weights = await Promise.all(nodes.map(weightsOfAgents));
  await hold.letGo();
  expect((await running.result).code).toBe(0);
  expect(weights.flat()).toEqual(Array.from({ length: 4 }, () => (isUnified ? '100' : '1024')));
});

test('a pod that does not is refused within seconds, with the taint named', async ({ start }) => {
  await start(podOf('intolerant', ticker));
  await taintPeer();
  const from = performance.now();
  const { code, stderr } = await migrate('intolerant');
  expect(stderr).toMatch(/taint.*\[KM-UNSCHEDULABLE\]/);
  expect(code).toBe(3);
  expect(performance.now() - from).toBeLessThan(60_000);
  expect(await leftoversInTheEnd('intolerant')).toEqual([]);
});

test('a pod to which a LimitRange would give other resources is refused', async ({ start }) => {
  await start(podOf('unlimited', ticker));
  await limitRange('away');
  const { code, stderr } = await migrate('unlimited');
  expect(stderr).toMatch(/LimitRange in cluster away .*limits\.cpu 100m.*\[KM-LIMIT-RANGE\]/);
  expect(code).toBe(3);
});

test('limits of a LimitRange are lifted from both helpers, and the report says so', async ({ start }) => {
  const resources = { limits: { cpu: '1', memory: '512Mi' }, requests: { cpu: '10m', memory: '16Mi' } };
  await start(podOf('limited', ticker, { containers: [containerOf('main', ticker, { resources })] }));
  await limitRange('home');
  await limitRange('away');
  const { code, stdout, stderr } = await migrate('limited', '-o', 'json');
  expect(stderr).not.toContain('error: ');
  expect(code).toBe(0);
  const lifted = (JSON.parse(stdout) as MigrationReport).findings.filter((one) => one.code === 'KM-HELPER-LIMITS-LIFTED');
  expect(lifted.map(({ text }) => text)).toEqual([
    expect.stringMatching(/on node home-1 \(cpu 100m, memory 256Mi\)/),
    expect.stringMatching(/on node away-\d \(cpu 100m, memory 256Mi\)/),
  ]);
});
