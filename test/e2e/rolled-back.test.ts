import { afterAll, describe, expect } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { followLogs, getPod, leftoversInTheEnd, logs, migrate, startMigration } from './cluster.ts';
import { breakRestore, holdRestored, killAgent } from './faults.ts';
import { expectMoved } from './moved.ts';
import { heardTest } from './pod-test.ts';
import { containerOf, podOf } from './pods.ts';
import { stepsIn } from './steps.ts';
import { collectTicks } from './ticks.ts';
import { expectRunsOn, expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);
const heardPod = (name: string, megabytes = 16): Pod => podOf(name, [], { containers: [ticks.beacon('main', { megabytes })] });

// Several at once: most of a migration is waiting for kubelets.
describe.concurrent('what goes wrong with one migration takes that one back', () => {
  for (const moment of ['plan', 'prepare', 'precopy', 'standby']) {
    test(`Ctrl-C at "${moment} ..."`, async ({ start }) => {
      const name = `stopped-${moment}`;
      const original = await start(heardPod(name, 64));
      const running = await startMigration(name);
      await running.sees(`${moment} ...`);
      running.child.kill('SIGINT');
      const { code, stderr } = await running.result;
      expect(stderr).toContain('error: stopped');
      expect(code).toBe(130);
      await expectRunsOn(original, ticks);
    });
  }

  test('a process that CRIU cannot dump leaves the source running, and CRIU says why', async ({ start }) => {
    const shared = { volumeMounts: [{ name: 'run', mountPath: '/shared' }] };
    const original = await start(
      podOf('undumpable', [], {
        volumes: [{ name: 'run', emptyDir: {} }],
        containers: [
          ticks.beacon('main'),
          containerOf('server', ['talk', 'server', '/shared/socket'], shared),
          containerOf('client', ['talk', 'client', 'local', '/shared/socket'], shared),
        ],
      }),
    );
    const { code, stderr } = await migrate('undumpable');
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: cannot checkpoint container (server|client): .*unix/i);
    await expectRunsOn(original, ticks);
    expect(await logs('home', 'undumpable', 'client')).not.toContain('lost connection');
  });
});

test('nothing of those is left', async () => {
  expect(await leftoversInTheEnd()).toEqual([]);
});

// Held at the target, or the frozen part might be over before the signal comes.
describe('Ctrl-C while the pod stands frozen', () => {
  for (const moment of ['before all is restored', 'when all is restored']) {
    test(moment, async ({ start }) => {
      const name = `stopped-${moment.replaceAll(' ', '-')}`;
      const original = await start(heardPod(name, 64));
      const running = await startMigration(name);
      await running.sees('standby ...');
      const hold = await holdRestored();
      await (moment === 'when all is restored' ? hold.untilHeld() : running.sees('checkpoint ...'));
      running.child.kill('SIGINT');
      await running.sees('rolling back');
      await hold.letGo();
      const { code, stderr } = await running.result;
      expect(stderr).toContain('error: stopped');
      expect(code).toBe(130);
      await expectUntouched(original, ticks);
    });
  }
});

test('a restore that fails is a clean abort', async ({ start }) => {
  const original = await start(heardPod('unrestorable'));
  const running = await startMigration('unrestorable');
  await running.sees('standby ...');
  await breakRestore();
  const { code, stderr } = await running.result;
  expect(stderr).toMatch(/error: cannot restore container main/);
  expect(code).toBe(1);
  await expectUntouched(original, ticks);
});

test('a source agent that is killed while the pod stands still does not keep it frozen', async ({ start }) => {
  const original = await start(heardPod('orphan', 256));
  const running = await startMigration('orphan');
  await running.sees('standby ...');
  const hold = await holdRestored();
  await hold.untilHeld();
  await killAgent('home');
  await running.sees('rolling back');
  await hold.letGo();
  expect((await running.result).code).toBe(1);
  await expectUntouched(original, ticks);
});

test('two pods move onto the peer at once, and plain pods that start there at the same moment are not disturbed', async ({ start }) => {
  const names = ['left', 'right'];
  await Promise.all(names.map(async (name) => start(heardPod(name))));
  const old = await Promise.all(names.map(async (name) => [name, await followLogs(name)] as const));
  const running = await Promise.all(names.map(async (name) => startMigration(name)));
  await Promise.all(running.map(async ({ sees }) => sees('standby ...')));
  const plain = Array.from({ length: 4 }, (_, index) =>
    podOf(`plain-${index}`, ['ticker', '1', '50'], { nodeSelector: { 'kubernetes.io/hostname': 'away' } }),
  );
  await Promise.all(plain.map(async (pod) => start(pod)));
  expect((await Promise.all(running.map(async ({ result }) => result))).map(({ code }) => code)).toEqual([0, 0]);
  for (const [name, followed] of old) {
    await expectMoved(name, followed, ticks);
  }
  for (const { metadata } of plain) {
    const pod = await getPod('home', metadata.name);
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect(stepsIn(await logs('home', metadata.name))[0]?.number).toBe(0);
  }
  expect(await leftoversInTheEnd()).toEqual([]);
});
