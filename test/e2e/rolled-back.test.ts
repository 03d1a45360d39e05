import { describe, expect } from 'vitest';
import { nodeNamed, nodes } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import { followLogs, getPod, leftoversInTheEnd, logs, migrate, mustKubectl, startMigration } from './cluster.ts';
import { test } from './pod-test.ts';
import { containerOf, podOf } from './pods.ts';
import { expectRunsOn, expectUntouched } from './untouched.ts';
import { breaksIn, stepsIn } from './steps.ts';

// Several at once: most of a migration is waiting for kubelets.
describe.concurrent('what goes wrong with one migration takes that one back', () => {
  for (const moment of ['plan', 'prepare', 'precopy', 'standby', 'checkpoint']) {
    test(`Ctrl-C at "${moment} ..."`, async ({ start }) => {
      const name = `stopped-${moment}`;
      const original = await start(podOf(name, ['ticker', '64', '20']));
      const running = await startMigration(name);
      await running.sees(`${moment} ...`);
      running.child.kill('SIGINT');
      const { code, stderr } = await running.result;
      // The frozen part may have been quicker than the signal: then the pod has moved, whole.
      if (moment === 'checkpoint' && code === 0) return expect((await getPod('home', name)).spec.nodeName).toBe('away');
      expect(stderr).toContain('error: stopped');
      expect(code).toBe(130);
      await expectRunsOn(original);
    });
  }

  test('a process that CRIU cannot dump leaves the source running, and CRIU says why', async ({ start }) => {
    const shared = { volumeMounts: [{ name: 'run', mountPath: '/shared' }] };
    const original = await start(
      podOf('undumpable', [], {
        volumes: [{ name: 'run', emptyDir: {} }],
        containers: [
          containerOf('main', ['ticker', '4', '20']),
          containerOf('server', ['talk', 'server', '/shared/socket'], shared),
          containerOf('client', ['talk', 'client', 'local', '/shared/socket'], shared),
        ],
      }),
    );
    const { code, stderr } = await migrate('undumpable');
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: cannot checkpoint container (server|client): .*unix/i);
    await expectRunsOn(original);
    expect(await logs('home', 'undumpable', 'client')).not.toContain('lost connection');
  });
});

test('nothing of those is left', async () => {
  expect(await leftoversInTheEnd()).toEqual([]);
});

test('a restore that fails is a clean abort', async ({ start }) => {
  const original = await start(podOf('unrestorable', ['ticker', '16', '20']));
  const running = await startMigration('unrestorable');
  await running.sees('standby ...');
  // At the target, CRIU is now a program that only fails.
  for (const node of nodes.filter(({ cluster }) => cluster === 'away')) {
    await runOnNode(node, [
      'sh',
      '-c',
      'cd /var/lib/kubectl-migrate/tools/bin 2>/dev/null && cp /usr/bin/false criu.new && mv criu.new criu',
    ]);
  }
  const { code, stderr } = await running.result;
  expect(stderr).toMatch(/error: cannot restore container main/);
  expect(code).toBe(1);
  await expectUntouched(original);
});

test('a source agent that is killed while the pod stands still does not keep it frozen', async ({ start }) => {
  const original = await start(podOf('orphan', ['ticker', '256', '20']));
  const running = await startMigration('orphan');
  await running.sees('checkpoint ...');
  await runOnNode(nodeNamed('home-1'), ['pkill', '-9', '-f', 'agent.mjs serve']);
  const { code } = await running.result;
  if (code === 0) return expect((await getPod('home', 'orphan')).spec.nodeName).toBe('away');
  expect(code).toBe(1);
  await expectUntouched(original);
});

test('a CLI that is killed leaves the source running, and what it leaves can be found and deleted by its label', async ({ start }) => {
  const original = await start(podOf('killed', ['ticker', '16', '20']));
  const running = await startMigration('killed');
  await running.sees('standby ...');
  running.child.kill('SIGKILL');
  await running.result;
  const ours = ['-l', 'app.kubernetes.io/managed-by=kubectl-migrate', '--wait', '--timeout=90s'];
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await mustKubectl('away', 'delete', 'shadowpods,secrets', ...ours);
  await mustKubectl('home', 'delete', 'pods', ...ours);
  await expectUntouched(original);
});

test('two pods move onto the peer at once, and plain pods that start there at the same moment are not disturbed', async ({ start }) => {
  const names = ['left', 'right'];
  await Promise.all(names.map(async (name) => start(podOf(name, ['ticker', '16', '20']))));
  const old = await Promise.all(names.map(async (name) => followLogs(name)));
  const running = await Promise.all(names.map(async (name) => startMigration(name)));
  await Promise.all(running.map(async ({ sees }) => sees('standby ...')));
  const plain = Array.from({ length: 4 }, (_, index) =>
    podOf(`plain-${index}`, ['ticker', '1', '50'], { nodeSelector: { 'kubernetes.io/hostname': 'away' } }),
  );
  await Promise.all(plain.map(async (pod) => start(pod)));
  expect((await Promise.all(running.map(async ({ result }) => result))).map(({ code }) => code)).toEqual([0, 0]);
  await Promise.all(old.map(async ({ end }) => end));
  for (const [index, name] of names.entries()) {
    expect(breaksIn([...stepsIn(old[index]?.text() ?? ''), ...stepsIn(await logs('home', name))])).toEqual([]);
  }
  for (const { metadata } of plain) {
    const pod = await getPod('home', metadata.name);
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect(stepsIn(await logs('home', metadata.name))[0]?.number).toBe(0);
  }
  expect(await leftoversInTheEnd()).toEqual([]);
});
