import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { nodeNamed } from '../../bed/layout.ts';
import { agentImage } from '../../src/cli/agent-image.ts';
import type { Pod } from '../../src/kube/types.ts';
import { version } from '../../src/version.ts';
import { getPod, leftoversInTheEnd, migrate, migrateElsewhere, mustKubectl, startMigration } from './cluster.ts';
import { killAgent, onNode } from './faults.ts';
import { heardTest } from './pod-test.ts';
import { containerIdOf, podOf } from './pods.ts';
import type { Tick } from '../ticks/tick.ts';
import { collectTicks, expectOneCopy } from './ticks.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);
const heardPod = (name: string): Pod => podOf(name, [], { containers: [ticks.beacon('main', { megabytes: 16, periodMs: 20 })] });

/** Agents have given up by then to wait for a command that is gone. */
const patienceIsOver = async (): Promise<void> => delay(30_000);

async function killedAtRestore(name: string): Promise<void> {
  const first = await startMigration(name);
  await first.sees('restore ...');
  first.child.kill('SIGKILL');
  await first.result;
  await onNode(nodeNamed('home-1'), 'until grep -q committed /run/kubectl-migrate/pods/*/*/decision 2>/dev/null; do sleep 0.05; done');
}

async function expectMovedAlone(name: string): Promise<void> {
  expect((await getPod('home', name)).spec.nodeName).toBe('away');
  await expectOneCopy(ticks, name, { sides: ['home', 'away'] });
  expect(await leftoversInTheEnd()).toEqual([]);
}

test('a move whose command died at the commit, and whose target agent died when it had given up to wait, is finished', async ({
  start,
}) => {
  await start(heardPod('later'));
  await killedAtRestore('later');
  await patienceIsOver();
  await killAgent('away');
  const { code, stderr } = await migrateElsewhere('later');
  expect(code, stderr).toBe(0);
  await expectMovedAlone('later');
});

test('a move whose new object was refused is finished later, though the source agent has died', async ({ start }) => {
  await start(heardPod('refused-object'));
  const first = await startMigration('refused-object');
  await first.sees('standby ...');
  await mustKubectl('home', 'create', 'quota', 'none', '--hard=pods=0');
  try {
    expect((await first.result).code).toBe(4);
  } finally {
    await mustKubectl('home', 'delete', 'resourcequota', 'none');
  }
  await patienceIsOver();
  await killAgent('home');
  const { code, stderr } = await migrateElsewhere('refused-object');
  expect(code, stderr).toBe(0);
  await expectMovedAlone('refused-object');
});

test('of a pod that its node has started afresh after the commit, the moved one is kept', async ({ start }) => {
  const original = await start(heardPod('restarted'));
  await killedAtRestore('restarted');
  await expect.poll(() => ticks.of('restarted').some(({ side }) => side === 'away'), { timeout: 20_000 }).toBe(true);
  // What a node loses that is started anew: processes, what is in memory, mounts. Its kubelet does the rest.
  await onNode(
    nodeNamed('home-1'),
    `pkill -9 -f 'agent[.]mjs serve' || true
     folder=$(cut -f4 /run/kubectl-migrate/pods/*/*/frozen); kill -9 $(cat $folder/cgroup.procs)
     rm -rf /run/kubectl-migrate /var/lib/kubectl-migrate/await
     umount -l $(grep kubectl-migrate/wrapper /proc/self/mountinfo | cut -d' ' -f5)
     echo THAWED > $folder/freezer.state`,
  );
  const isFresh = async (): Promise<boolean> => {
    const pod = await getPod('home', 'restarted');
    return containerIdOf(pod) !== containerIdOf(original) && pod.status?.containerStatuses?.[0]?.['ready'] === true;
  };
  await expect.poll(isFresh, { timeout: 90_000, interval: 1_000 }).toBe(true);
  const { code, stderr } = await migrateElsewhere('restarted');
  expect(code, stderr).toBe(0);
  // The fresh one ends as its kubelet ends pods, and the one with the memory goes on.
  const of = (side: string): Tick[] => ticks.of('restarted').filter((tick) => tick.side === side);
  await expect.poll(() => Date.now() - (of('home').at(-1)?.receivedMs ?? 0), { timeout: 30_000 }).toBeGreaterThan(3_000);
  expect((await getPod('home', 'restarted')).spec.nodeName).toBe('away');
  expect([...new Set(of('away').map(({ boot }) => boot))]).toEqual([of('home')[0]?.boot]);
  expect(of('away').at(-1)?.receivedMs).toBeGreaterThan(of('home').at(-1)?.receivedMs ?? 0);
});

/** Answers as an agent of a migration that has committed, and tells of a pod that nobody asked for. */
const liar = `
import { createServer } from 'node:net';
import { rmSync } from 'node:fs';
const [role, migration, text] = process.argv.slice(2);
const record = JSON.parse(Buffer.from(text, 'base64').toString());
const source = { state: 'committed', record };
const answers = {
  'hello': { now: Date.now(), version: '${version}', role, migration, state: 'committed', isAttended: false, isConnected: false },
  'attend': { isYours: true }, 'source.abort': source, 'source.takeover': source, 'source.state': source,
  'target.state': { state: 'runs' }, 'target.abort': { state: 'runs' }, 'cleanup': { refusing: false },
};
rmSync('/agent/control.sock', { force: true });
createServer((socket) => {
  let text = '';
  socket.on('error', () => {}).on('data', (data) => {
    const lines = (text += data).split('\\n');
    text = lines.pop();
    for (const { id, method } of lines.filter(Boolean).map((line) => JSON.parse(line))) {
      console.log(method);
      if (id !== undefined) socket.write(JSON.stringify({ id, result: answers[method] ?? null }) + '\\n');
    }
  });
}).listen('/agent/control.sock');
`;

test('nobody who may make pods in a namespace has a command work on another pod', async ({ start }) => {
  const decoy = await start(heardPod('decoy'));
  const victim: Pod = { ...podOf('precious', ['ticker', '1', '1000']), metadata: { name: 'precious', namespace: 'default' } };
  await mustIn(['kubectl', 'create', '-f', '-'], { input: JSON.stringify(victim) });
  const precious = async (): Promise<Pod> =>
    JSON.parse(await mustIn(['kubectl', '-n', 'default', 'get', 'pod', 'precious', '-o', 'json'])) as Pod;
  const { uid } = (await precious()).metadata;
  const told = { metadata: { name: 'precious', namespace: 'default', uid }, spec: { containers: [] }, status: {} };
  const record = Buffer.from(JSON.stringify({ version: 1, pod: told, to: 'away' })).toString('base64');
  await mustKubectl('home', 'create', 'configmap', 'lies', `--from-literal=liar.mjs=${liar}`);
  const helper = (role: string, nodeName: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `unsuspicious-${role}`,
      namespace: 'demo',
      labels: { 'app.kubernetes.io/managed-by': 'kubectl-migrate', 'kubectl-migrate/migration': 'deadbeef', 'kubectl-migrate/role': role },
      annotations: {
        'kubectl-migrate/pod': 'decoy',
        'kubectl-migrate/pod-uid': decoy.metadata.uid ?? '',
        'kubectl-migrate/record': createHash('sha256').update(JSON.stringify(told)).digest('hex'),
      },
    },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ key: 'virtual-node.liqo.io/not-allowed', operator: 'Exists' }],
      containers: [
        {
          name: 'agent',
          image: agentImage,
          imagePullPolicy: 'IfNotPresent',
          command: ['/agent/bin/node', '/lies/liar.mjs', role, 'deadbeef', record],
          volumeMounts: [{ name: 'lies', mountPath: '/lies' }],
        },
      ],
      volumes: [{ name: 'lies', configMap: { name: 'lies' } }],
    },
  });
  const liars = ['unsuspicious-source', 'unsuspicious-target'];
  try {
    for (const one of [helper('source', 'home-1'), helper('target', 'away')])
      await mustIn(['kubectl', 'create', '-f', '-'], { input: JSON.stringify(one) });
    await mustKubectl('home', 'wait', '--for=condition=Ready', 'pod', ...liars, '--timeout=60s');
    const { code, stderr } = await migrate('decoy');
    expect(code, stderr).toBe(0);
    expect(await mustKubectl('home', 'logs', 'unsuspicious-source')).toBe('');
    expect((await precious()).metadata.uid).toBe(uid);
    await expectOneCopy(ticks, 'decoy', { sides: ['home', 'away'] });
  } finally {
    await mustKubectl('home', 'delete', 'pod', ...liars, '--grace-period=1', '--ignore-not-found');
    await mustKubectl('home', 'delete', 'configmap', 'lies');
    await mustIn(['kubectl', '-n', 'default', 'delete', 'pod', 'precious', '--grace-period=1']);
  }
});
