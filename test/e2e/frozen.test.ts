import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, vi } from 'vitest';
import { limitLink } from '../../bed/network.ts';
import { nodeNamed } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import { recordedProcesses } from '../../bed/processes.ts';
import type { Pod } from '../../src/kube/types.ts';
import { deletePod, getPod, leftovers, leftoversInTheEnd, migrate, mustKubectl, startMigration, type Running } from './cluster.ts';
import { heardTest } from './pod-test.ts';
import { containerIdOf, containerOf, podOf } from './pods.ts';
import { collectTicks, expectOneCopy } from './ticks.ts';
import type { Tick } from '../ticks/tick.ts';
import { expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);
afterEach(async () => limitLink('none', '50ms'));

const source = nodeNamed('home-1');
const agents = 'pkill -9 -f "[a]gent.mjs serve"';
const guards = 'pkill -9 -f "[k]ubectl-migrate/guard watch"';

async function onSource(script: string): Promise<string> {
  const { code, stdout, stderr } = await runOnNode(source, ['sh', '-euc', script]);
  if (code !== 0) throw new Error(`"${script}" ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** Two containers with some memory: to carry it takes long on a narrow link. */
function beacons(name: string, megabytes = 24): Pod {
  const containers = [ticks.beacon('main', { megabytes }), ticks.beacon('other', { periodMs: 20 })];
  return podOf(name, [], { containers });
}

async function freezersOf({ metadata: { uid } }: Pod): Promise<string[]> {
  const states = await onSource(`find /sys/fs/cgroup/freezer -path '*${uid}/*' -name freezer.state -exec cat {} + 2>/dev/null || true`);
  return states.split('\n').filter(Boolean);
}

/** Starts a migration that will be frozen for a while, and waits until all containers stand still. */
async function startFreeze(pod: Pod, { rate = '16mbit', flags = [] as readonly string[] } = {}): Promise<Running> {
  const running = await startMigration(pod.metadata.name, ...flags);
  await running.sees('standby ...');
  await limitLink(rate, '50ms');
  await running.sees('checkpoint ...');
  // CRIU thaws while its code runs in there; afterwards it is the link that takes so long.
  const dumped = 'ls /var/lib/kubectl-migrate/migrations/*/source-*/work/stats-dump 2>/dev/null | wc -l';
  await vi.waitFor(
    async () => {
      expect(await onSource(dumped)).toBe('2');
      expect((await freezersOf(pod)).filter((state) => state === 'FROZEN').length).toBeGreaterThanOrEqual(2);
    },
    { timeout: 30_000, interval: 50 },
  );
  return running;
}

/** As the kubelet does it when a probe has failed too often. */
async function killContainer(pod: Pod, name: string): Promise<void> {
  await onSource(`runc --root /run/containerd/runc/k8s.io kill ${containerIdOf(pod, name)} KILL`);
}

/** How long the pod was silent at home when it ticked on, ms. */
async function silence(pod: string): Promise<number> {
  const last = ticks.of(pod).at(-1)?.receivedMs ?? 0;
  await vi.waitFor(() => expect(ticks.of(pod).at(-1)?.receivedMs).toBeGreaterThan(last), { timeout: 30_000, interval: 20 });
  return (ticks.of(pod).find(({ receivedMs }) => receivedMs > last)?.receivedMs ?? 0) - last;
}

/** The longest time between two ticks of a pod, ms. */
function longestSilence(pod: string): number {
  const heard = ticks.of(pod).map(({ receivedMs }) => receivedMs);
  return Math.max(...heard.slice(1).map((ms, index) => ms - (heard[index] ?? ms)));
}

/** What a command left that was killed; its agents are dead. */
async function removeWhatIsLeft(): Promise<void> {
  const ours = ['-l', 'app.kubernetes.io/managed-by=kubectl-migrate', '--wait', '--timeout=90s'];
  await mustKubectl('away', 'delete', 'shadowpods,secrets', ...ours);
  await mustKubectl('home', 'delete', 'pods', ...ours);
}

describe('a frozen pod runs again', () => {
  test('when command and source agent are dead, the API server silent, kubelet and runtime stopped and the link down', async ({
    start,
  }) => {
    const pod = await start(beacons('deserted'));
    const running = await startFreeze(pod);
    const servers = (await recordedProcesses()).filter(({ name }) => name.endsWith('-apiserver'));
    try {
      for (const { pid } of servers) process.kill(pid, 'SIGSTOP');
      await onSource('pkill -STOP -x kubelet; pkill -STOP -x containerd');
      await limitLink('1kbit', '50ms');
      running.child.kill('SIGKILL');
      await onSource(agents);
      expect(await silence('deserted')).toBeLessThan(12_000);
    } finally {
      await limitLink('none', '50ms');
      for (const { pid } of servers) process.kill(pid, 'SIGCONT');
      await onSource('pkill -CONT -x kubelet; pkill -CONT -x containerd');
    }
    await vi.waitFor(removeWhatIsLeft, { timeout: 120_000, interval: 2_000 });
    await expectOneCopy(ticks, 'deserted', { sides: ['home'] });
    // The claim and the tools of a dead agent stay until the next command comes to this node.
    expect((await migrate('deserted')).code).toBe(0);
    await expectOneCopy(ticks, 'deserted', { sides: ['home', 'away'] });
    await deletePod('deserted');
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('when its command died before the target was ready, and nobody comes: there is no commit', async ({ start }) => {
    const pod = await start(beacons('unattended'));
    const running = await startFreeze(pod, { rate: '24mbit' });
    running.child.kill('SIGKILL');
    await delay(60_000);
    await limitLink('none', '50ms');
    await expectOneCopy(ticks, 'unattended', { sides: ['home'] });
    expect(await onSource('grep -l committed /run/kubectl-migrate/pods/*/*/decision 2>/dev/null || true')).toBe('');
    const { code, stderr } = await migrate('unattended');
    expect(code, stderr).toBe(0);
    await expectOneCopy(ticks, 'unattended', { sides: ['home', 'away'] });
    await deletePod('unattended');
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('by the next command, when its guard is dead as well', async ({ start }) => {
    const pod = await start(beacons('unguarded'));
    const running = await startFreeze(pod);
    running.child.kill('SIGKILL');
    // An agent that lives starts another guard at once.
    await onSource(`pkill -STOP -f "[a]gent.mjs serve"; ${guards}; ${agents}`);
    await delay(3_000);
    expect((await freezersOf(pod)).filter((state) => state === 'FROZEN').length).toBeGreaterThanOrEqual(2);
    await limitLink('none', '50ms');
    await removeWhatIsLeft();
    const { code, stderr } = await migrate('unguarded');
    expect(code, stderr).toBe(0);
    await expectOneCopy(ticks, 'unguarded', { sides: ['home', 'away'] });
    await deletePod('unguarded');
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('when its agent does not answer any more, and the time is up that it may stand still', async ({ start }) => {
    const pod = await start(beacons('wedged'));
    const running = await startFreeze(pod, { flags: ['--max-freeze', '8s'] });
    running.child.kill('SIGKILL');
    await onSource('pkill -STOP -f "[a]gent.mjs serve"');
    const silentMs = await silence('wedged');
    expect(silentMs).toBeGreaterThan(7_000);
    expect(silentMs).toBeLessThan(11_000);
    await onSource('pkill -CONT -f "[a]gent.mjs serve"');
    await limitLink('none', '50ms');
    await removeWhatIsLeft();
    await expectOneCopy(ticks, 'wedged', { sides: ['home'] });
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('before its kubelet would have taken it for dead, and is not started afresh', async ({ start }) => {
    const livenessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 2, failureThreshold: 2, timeoutSeconds: 1 };
    const serve = 'mkdir /www; echo here > /www/index.html; exec httpd -f -p 8080 -h /www';
    const probed = containerOf('probed', ['sh', '-c', serve], { livenessProbe });
    const pod = await start(podOf('probed', [], { containers: [ticks.beacon('main'), probed] }));
    const running = await startMigration('probed');
    await running.sees('standby ...');
    // Its memory alone takes several times as long as the probe is patient.
    await limitLink('2mbit', '50ms');
    const { code, stderr } = await running.result;
    await limitLink('none', '50ms');
    expect(code, stderr).toBe(1);
    expect(longestSilence('probed')).toBeGreaterThan(1_000);
    // A kubelet that has decided to end a container takes the grace period for it.
    await delay(5_000);
    const after = await getPod('home', 'probed');
    expect(after.status?.containerStatuses?.map(({ restartCount }) => restartCount)).toEqual([0, 0]);
    for (const name of ['main', 'probed']) expect(containerIdOf(after, name)).toBe(containerIdOf(pod, name));
    await expectOneCopy(ticks, 'probed', { sides: ['home'] });
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('when the CRIU that dumps it is stopped, which then goes on to its end', async ({ start }) => {
    const pod = await start(beacons('stalled', 256));
    const running = await startMigration('stalled');
    await running.sees('standby ...');
    const begun = '/var/lib/kubectl-migrate/migrations/*/source-main/work/dump.log';
    await onSource(`timeout 60 sh -c 'until ls ${begun}; do :; done' >/dev/null 2>&1; pkill -STOP -x criu`);
    const { code, stderr } = await running.result;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/error: .*the checkpoint of container \w+ does not go on/);
    await expectUntouched(pod, ticks);
  });

  test('though one of its containers was killed meanwhile, and that one is started again', async ({ start }) => {
    const pod = await start(beacons('halved'));
    const running = await startFreeze(pod);
    await killContainer(pod, 'main');
    running.child.kill('SIGINT');
    const { code, stderr } = await running.result;
    expect(code, stderr).toBe(130);
    // The one that was killed begins anew, as after any death; the other one goes on where it stood.
    await vi.waitFor(
      async () => {
        const statuses = (await getPod('home', 'halved')).status?.containerStatuses ?? [];
        expect(Object.fromEntries(statuses.map(({ name, restartCount }) => [name, restartCount]))).toEqual({ main: 1, other: 0 });
      },
      { timeout: 60_000, interval: 500 },
    );
    const since = Date.now();
    const others = (): Tick[] => ticks.of('halved').filter(({ container }) => container === 'other');
    await vi.waitFor(() => expect(others().at(-1)?.receivedMs).toBeGreaterThan(since));
    expect(new Set(others().map(({ boot }) => boot)).size).toBe(1);
    expect(ticks.of('halved').filter(({ side }) => side === 'away')).toEqual([]);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('when a process was stopped just before the freeze, and the command names it', async ({ start }) => {
    await start(beacons('stopped'));
    const running = await startMigration('stopped');
    await running.sees('standby ...');
    const child = await onSource(`pgrep -f '^beacon 24 ' | tail -1`);
    await onSource(`kill -STOP ${child}`);
    const { code, stderr } = await running.result;
    await onSource(`kill -CONT ${child}`);
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(new RegExp(`error: .*process ${child} \\(beacon\\) is stopped`));
    await expectOneCopy(ticks, 'stopped', { sides: ['home'] });
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('when somebody wants to stop it', async ({ start }) => {
    const pod = await start(beacons('unwanted'));
    const running = await startFreeze(pod);
    const [child] = (await onSource(`pgrep -f '^beacon 24 ' | tail -1`)).split('\n');
    await onSource(`kill -TERM ${child}`);
    await limitLink('none', '50ms');
    const { code, stderr } = await running.result;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/error: .*SIGTERM came while it stood still/);
    expect(ticks.of('unwanted').filter(({ side }) => side === 'away')).toEqual([]);
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});

test('a pod whose containers are killed when all of it is at the peer goes on there, and is not started afresh', async ({ start }) => {
  const pod = await start(beacons('bereft'));
  const running = await startFreeze(pod);
  await killContainer(pod, 'main');
  await killContainer(pod, 'other');
  const { code, stderr } = await running.result;
  expect(code, stderr).toBe(0);
  await expectOneCopy(ticks, 'bereft', { sides: ['home', 'away'] });
});

test('after the commit nothing of it is started afresh at home, though its command is dead and its kubelet kills it', async ({ start }) => {
  const pod = await start(beacons('orphaned', 8));
  const running = await startFreeze(pod, { rate: '24mbit' });
  // It attends for some seconds yet, and so the source commits; then it can do nothing any more.
  running.child.kill('SIGSTOP');
  await onSource('until grep -q committed /run/kubectl-migrate/pods/*/*/decision 2>/dev/null; do sleep 0.05; done');
  running.child.kill('SIGKILL');
  // A link whose limit changes loses what is on its way, ticks as well.
  await vi.waitFor(() => expect(ticks.of('orphaned').at(-1)?.side).toBe('away'), { timeout: 30_000, interval: 50 });
  await delay(500);
  await limitLink('none', '50ms');
  // Refused until it is heard to run at the peer; a kubelet tries again and again.
  for (const name of ['main', 'other']) await vi.waitFor(async () => killContainer(pod, name), { timeout: 30_000, interval: 500 });
  await vi.waitFor(
    async () => {
      const events = await mustKubectl(
        'home',
        'get',
        'events',
        '--field-selector',
        `involvedObject.uid=${pod.metadata.uid}`,
        '-o',
        'jsonpath={.items[*].message}',
      );
      expect(events).toContain('it is being moved to away by migration');
    },
    { timeout: 60_000, interval: 1_000 },
  );
  await expectOneCopy(ticks, 'orphaned', { sides: ['home', 'away'] });
  const { code, stderr } = await migrate('orphaned');
  expect(code, stderr).toBe(0);
  await expectOneCopy(ticks, 'orphaned', { sides: ['home', 'away'] });
  expect(await leftoversInTheEnd()).toEqual([]);
});

test('a second command for a pod is refused at once and disturbs nothing', async ({ start }) => {
  const pod = await start(beacons('wanted-twice'));
  const first = await startFreeze(pod);
  const { code, stderr } = await migrate('wanted-twice');
  expect(code, stderr).toBe(3);
  expect(stderr).toMatch(/migration [0-9a-f]+ moves it to away since \d{4}-/);
  await limitLink('none', '50ms');
  const { code: moved, stderr: said } = await first.result;
  expect(moved, said).toBe(0);
  await expectOneCopy(ticks, 'wanted-twice', { sides: ['home', 'away'] });
});

test('not one tick comes from the source after the commit, of whatever process', async ({ start }) => {
  const names = ['ended-a', 'ended-b', 'ended-c'];
  for (const name of names) {
    const containers = ['one', 'two'].map((container) => ticks.beacon(container, { isBusy: true, periodMs: 5 }));
    await start(podOf(name, [], { containers }));
    const running = await startMigration(name);
    const { code, stderr } = await running.result;
    expect(code, stderr).toBe(0);
    await expectOneCopy(ticks, name, { sides: ['home', 'away'] });
    await deletePod(name); // it keeps a processor busy
  }
}, 300_000);

test('a runtime that cannot kill ends nothing less, and nothing of the source runs on', async ({ start }) => {
  await start(beacons('unkillable', 4));
  const runtime = await onSource('readlink -f "$(command -v runc)"');
  // What the node's runtime is, to the wrapper and to everybody else; it is given back as it was.
  const refusing = `#!/bin/sh\\ncase " $* " in *" kill "*) [ -e /run/no-kill ] && exit 1;; esac\\nexec ${runtime}.real "$@"\\n`;
  await onSource(
    `touch /run/no-kill; cp -a ${runtime} ${runtime}.real; printf '${refusing}' > ${runtime}.new; chmod 755 ${runtime}.new; mv ${runtime}.new ${runtime}`,
  );
  try {
    const { code, stderr } = await migrate('unkillable');
    expect(code, stderr).toBe(0);
    await expectOneCopy(ticks, 'unkillable', { sides: ['home', 'away'] });
  } finally {
    await onSource(`rm -f /run/no-kill; while umount -l ${runtime} 2>/dev/null; do :; done; mv ${runtime}.real ${runtime}`);
  }
  // Not even the helper can be ended before, and its kubelet takes its time to try that again.
  await expect.poll(async () => leftovers(), { timeout: 90_000, interval: 1_000 }).toEqual([]);
});
