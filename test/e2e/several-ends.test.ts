import { afterAll, describe, expect } from 'vitest';
import type { BatchReport } from '../../src/cli/batch-report.ts';
import { followLogs, getPod, leftoversInTheEnd, migrate, startMigration } from './cluster.ts';
import { holdRestored } from './faults.ts';
import { expectMoved } from './moved.ts';
import { heardTest } from './pod-test.ts';
import { heardPods, outcomesOf } from './several-pods.ts';
import { containerOf, podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';
import { expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);

const heardPod = heardPods(ticks);

const hostNetwork = { hostNetwork: true, containers: [containerOf('main', ['ticker', '1', '50'])] };

describe('several pods', () => {
  test('of which one cannot be moved all stay, and with --keep-going the others go', async ({ start }) => {
    const labels = { shop: 'blocked' };
    const original = await Promise.all(['blocked-a', 'blocked-c'].map(async (name) => start(heardPod(name, labels))));
    const stays = await start({
      ...podOf('blocked-b', []),
      metadata: { name: 'blocked-b', namespace: 'demo', labels },
      spec: { ...podOf('blocked-b', []).spec, ...hostNetwork },
    });
    const refused = await migrate('-l', 'shop=blocked', '-o', 'json');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/^blocked-b +home-1 .*hostNetwork.* \[KM-HOST-NAMESPACE\]/m);
    expect(refused.stderr).toContain('nothing was touched; --keep-going moves those that can be moved');
    expect(outcomesOf(JSON.parse(refused.stdout) as BatchReport)).toEqual([
      'blocked-a not-begun',
      'blocked-b refused',
      'blocked-c not-begun',
    ]);
    for (const one of original) await expectUntouched(one, ticks);

    const old = await Promise.all(original.map(async ({ metadata }) => [metadata.name, await followLogs(metadata.name)] as const));
    const kept = await migrate('-l', 'shop=blocked', '--keep-going');
    expect(kept.stdout).toBe('pod/blocked-a migrated\npod/blocked-c migrated\n');
    expect(kept.code).toBe(1);
    expect(kept.stderr).toContain('error: 2 of 3 pods migrated to away; not blocked-b (refused)\n');
    for (const [name, log] of old) await expectMoved(name, log, ticks);
    expect((await getPod('home', 'blocked-b')).metadata.uid).toBe(stays.metadata.uid);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('end with the one that fails; those behind it are not begun', async ({ start }) => {
    await start(heardPod('fails-a'));
    const undumpable = await start(
      heardPod(
        'fails-b',
        {},
        {
          volumes: [{ name: 'run', emptyDir: {} }],
          containers: [
            ticks.beacon('main'),
            containerOf('server', ['talk', 'server', '/shared/socket'], { volumeMounts: [{ name: 'run', mountPath: '/shared' }] }),
            containerOf('client', ['talk', 'client', 'local', '/shared/socket'], { volumeMounts: [{ name: 'run', mountPath: '/shared' }] }),
          ],
        },
      ),
    );
    const behind = await start(heardPod('fails-c'));
    const old = await followLogs('fails-a');
    const { code, stdout, stderr } = await migrate('fails-a', 'fails-b', 'fails-c', '-o', 'json');
    expect(code, stderr).toBe(1);
    expect(outcomesOf(JSON.parse(stdout) as BatchReport)).toEqual(['fails-a moved', 'fails-b failed', 'fails-c not-begun']);
    expect(stderr).toContain('error: 1 of 3 pods migrated to away; not fails-b (failed), fails-c (not begun)\n');
    await expectMoved('fails-a', old, ticks);
    await expectUntouched(undumpable, ticks);
    await expectUntouched(behind, ticks);
  });

  test('are stopped by Ctrl-C in the one that stands frozen, which runs on; the one before it has moved', async ({ start }) => {
    const names = ['stopped-1', 'stopped-2', 'stopped-3'];
    const original = await Promise.all(names.map(async (name) => start(heardPod(name))));
    const old = await followLogs('stopped-1');
    const running = await startMigration(...names, '-o', 'name');
    await running.sees('pod/stopped-2 (2 of 3)');
    await running.seesAgain('standby ...');
    const hold = await holdRestored();
    await hold.untilHeld();
    running.child.kill('SIGINT');
    await running.sees('rolling back');
    await hold.letGo();
    const { code, stdout, stderr } = await running.result;
    expect(code, stderr).toBe(130);
    expect(stdout).toBe('pod/stopped-1\n');
    expect(stderr).toContain('error: stopped: 1 of 3 pods migrated to away; not stopped-2 (interrupted), stopped-3 (not begun)\n');
    await expectMoved('stopped-1', old, ticks);
    for (const one of original.slice(1)) await expectUntouched(one, ticks);
  });

  test('of which another command has left one midway: the same command again finishes that, and goes on', async ({ start }) => {
    const names = ['left-1', 'left-2'];
    await Promise.all(names.map(async (name) => start(heardPod(name))));
    const old = await Promise.all(names.map(async (name) => [name, await followLogs(name)] as const));
    const first = await startMigration(...names);
    await first.sees('commit ...');
    first.child.kill('SIGKILL');
    await first.result;
    const { code, stdout, stderr } = await migrate(...names, '-o', 'json');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^left-1 .*what another command has begun is finished or taken back$/m);
    expect(outcomesOf(JSON.parse(stdout) as BatchReport)).toEqual(['left-1 moved', 'left-2 moved']);
    for (const [name, log] of old) await expectMoved(name, log, ticks);
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});
