import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { nodeNamed } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { deletePod, followLogs, getPod, kubectl, leftoversInTheEnd, logs, migrate, mustKubectl, mustMigrate, startPod } from './cluster.ts';
import { limitedPod, limitsOfLimitedPod, limitsOnNode } from './limits.ts';
import { test } from './pod-test.ts';
import { containerIdOf, containerOf, podOf } from './pods.ts';
import { breaksIn, longestGap, stepsIn, type Step } from './steps.ts';

function raise(message: string): never {
  throw new Error(message);
}

/** The steps that a container printed before and after its pod moved, at least some of both. */
async function movedSteps(pod: string, container = 'main'): Promise<{ before: Step[]; after: Step[]; text: string }> {
  const old = await followLogs(pod, container);
  await vi.waitFor(() => expect(stepsIn(old.text()).length).toBeGreaterThan(5), 20_000);
  await mustMigrate(pod);
  await old.end;
  await vi.waitFor(async () => expect(stepsIn(await logs('home', pod, container)).length).toBeGreaterThan(5), {
    timeout: 20_000,
    interval: 500,
  });
  const text = await logs('home', pod, container);
  return { before: stepsIn(old.text()), after: stepsIn(text), text };
}

describe('a pod of one container, moved once', () => {
  const picture = join(tmpdir(), `timeline-${process.pid}.svg`);
  let original: Pod;
  let old: Step[];
  let after: Step[];
  let events: { v: number; type: string; stage?: string; report?: MigrationReport }[];
  let report: MigrationReport;

  beforeAll(async () => {
    const pod = podOf('one', ['ticker', '32', '5'], { tolerations: [{ key: 'edge', operator: 'Exists' }] });
    original = await startPod({ ...pod, metadata: { ...pod.metadata, labels: { app: 'one', tier: 'x' }, annotations: { note: 'kept' } } });
    const followed = await followLogs('one');
    await vi.waitFor(() => expect(stepsIn(followed.text()).length).toBeGreaterThan(50), 20_000);
    const { code, stdout, stderr } = await migrate('one', '--events', '--timeline', picture);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as (typeof events)[number]);
    report = events.at(-1)?.report ?? raise('the last event has no report');
    await followed.end;
    old = stepsIn(followed.text());
    after = stepsIn(await logs('home', 'one'));
  });
  afterAll(async () => {
    await deletePod('one');
    await rm(picture, { force: true });
  });

  test('goes on with its memory where it stood, and nothing is left behind', async () => {
    expect(old.length).toBeGreaterThan(10);
    expect(after.length).toBeGreaterThan(10);
    expect(breaksIn([...old, ...after])).toEqual([]);
    const moved = await getPod('home', 'one');
    expect(moved.spec.nodeName).toBe('away');
    expect(moved.metadata.uid).not.toBe(original.metadata.uid);
    expect(moved.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect(await leftoversInTheEnd()).toEqual([]);
  });

  test('is as its user wrote it, apart from the node, and for as long as that may not be ready', async () => {
    const moved = await getPod('home', 'one');
    const comparable = ({ spec }: Pod): unknown => ({
      ...spec,
      nodeName: '',
      tolerations: spec.tolerations
        ?.filter(({ key }) => !key?.includes('liqo.io'))
        .map(({ tolerationSeconds, ...toleration }) => (tolerationSeconds === 300 ? toleration : { ...toleration, tolerationSeconds })),
    });
    expect(comparable(moved)).toEqual(comparable(original));
    expect(moved.metadata.annotations?.['note']).toBe('kept');
    expect(moved.metadata.labels).toMatchObject({ app: 'one', tier: 'x' });
    await expect
      .poll(async () => Object.keys((await getPod('away', 'one')).metadata.labels ?? {}).filter((key) => !key.includes('liqo.io')), {
        timeout: 20_000,
      })
      .toEqual(['app', 'tier']);
    const shadow = JSON.parse(await mustKubectl('away', 'get', 'shadowpod', 'one', '-o', 'json')) as KubeObject;
    expect(shadow.metadata.ownerReferences).toBeUndefined();
  });

  test('was frozen as long as is told, and what the nodes did meanwhile lies within', () => {
    const seen = longestGap([...old.slice(-20), ...after.slice(0, 20)]);
    expect(report.frozenMs).toBeGreaterThan(seen * 0.5);
    expect(report.frozenMs).toBeLessThan(seen * 1.5 + 50);
    const { spans, errorMs } = report.timeline;
    const frozen = spans.find(({ name }) => name === 'frozen');
    const tolerance = errorMs.source + errorMs.target + 5;
    for (const name of ['dump', 'send-images', 'build', 'fill', 'finish']) {
      const span = spans.find((one) => one.name === name);
      expect(span?.container).toBe('main');
      expect(span?.fromMs).toBeGreaterThan((frozen?.fromMs ?? 0) - tolerance);
      expect(span?.toMs).toBeLessThan((frozen?.toMs ?? 0) + tolerance);
    }
  });

  test('can be followed by a program', async () => {
    expect(report).toMatchObject({ pod: 'one', namespace: 'demo', from: 'home-1', to: 'away' });
    expect(report.steps.map(({ name }) => name)).toEqual([
      'plan',
      'prepare',
      'precopy',
      'standby',
      'checkpoint',
      'restore',
      'commit',
      'cutover',
      'cleanup',
    ]);
    expect(new Set(events.map(({ v }) => v))).toEqual(new Set([1]));
    expect([events[0]?.type, events.at(-1)?.type]).toEqual(['started', 'result']);
    expect(events.flatMap(({ stage }) => stage ?? [])).toEqual(['frozen', 'sent', 'held', 'committed', 'running']);
    expect(await readFile(picture, 'utf8')).toMatch(/^<svg /);
  });

  test('is a fresh container of the ordinary image after a crash', async () => {
    // The first process of a container cannot be killed from inside of it.
    const node = nodeNamed((await getPod('away', 'one')).spec.nodeName ?? '');
    expect((await runOnNode(node, ['pkill', '-9', '-x', 'ticker'])).code).toBe(0);
    await expect
      .poll(async () => (await getPod('home', 'one')).status?.containerStatuses?.[0]?.restartCount, { timeout: 60_000, interval: 500 })
      .toBe(1);
    await expect.poll(async () => stepsIn(await logs('home', 'one'))[0]?.number, { timeout: 30_000 }).toBe(0);
  });

  test('takes everything at the peer with it when it is deleted at home', async () => {
    await deletePod('one');
    await expect
      .poll(async () => (await mustKubectl('away', 'get', 'pods,shadowpods,secrets', '-o', 'name')).match(/\bone\b/g), {
        timeout: 60_000,
        interval: 500,
      })
      .toBeNull();
  });
});

test('memory, mapped files and files that are written all the time come over as they were in the frozen instant', async ({ start }) => {
  const shared = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const writer =
    'n=0; while n=$((n + 1)); do echo $n > /data/draft.$n && mv /data/draft.$n /data/last && echo $n >> /data/all && usleep 2000; done';
  await start(
    podOf('changing', [], {
      containers: [
        containerOf('main', ['rewriter', '64']),
        containerOf('mapped', ['rewriter', '16', '/data/mapped'], shared),
        containerOf('writer', ['sh', '-c', writer], shared),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    }),
  );
  const { before, after, text } = await movedSteps('changing');
  expect(breaksIn([...before, ...after])).toEqual([]);
  expect(text + (await logs('home', 'changing', 'mapped'))).not.toMatch(/TORN|LOST|STALE/);
  const all = (await mustKubectl('home', 'exec', 'changing', '-c', 'writer', '--', 'cat', '/data/all')).trim().split('\n').map(Number);
  expect(all).toEqual(all.map((_, index) => index + 1));
  // A draft of before the move would be one that the frozen instant did not have any more.
  const names = (await mustKubectl('home', 'exec', 'changing', '-c', 'writer', '--', 'ls', '/data')).trim().split('\n');
  expect(names.filter((name) => name.startsWith('draft.')).length).toBeLessThan(2);
});

// Several at once: most of a move is waiting for kubelets.
describe.concurrent('everything that a pod has comes over', () => {
  test('what programs hold comes over: files of every kind, ConfigMaps, Secrets and tokens, and users', async ({ start }) => {
    const files = [
      'rm /etc/from-image && echo new > /etc/new && rm -r /etc/from-image.d && mkdir /etc/from-image.d && echo 3 > /etc/from-image.d/three',
      'ln -s /etc/new /root/link && ln /etc/new /root/hard && mkfifo /root/pipe && chmod 4711 /etc/new && chown 12:34 /root/hard',
      'dd if=/dev/zero of=/root/sparse bs=1 count=0 seek=1M 2>/dev/null && echo held > /root/deleted',
      'echo shm > /dev/shm/file && echo mem > /mem/file && mkdir -p /data/a/b && echo disk > "/data/a/b/odd name"',
      'exec 9< /root/deleted; rm /root/deleted; while true; do echo "tick $((n++)) $(date +%s).000"; sleep 0.05; done',
    ].join('; ');
    const config = 'exec 8< /config/key; while true; do echo "tick $((n++)) $(date +%s).000"; sleep 0.05; done';
    const rules = {
      runAsUser: 1000,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const looks: Readonly<Record<string, string>> = {
      main: 'ls /etc/from-image /etc/from-image.d/*; cat /root/link; stat -c "%a %u %g %h" /root/hard; stat -c "%F" /root/pipe; stat -c %s /root/sparse; cat /dev/shm/file /mem/file "/data/a/b/odd name"; cat /proc/1/fd/9',
      config: 'cat /config/key /hidden/key /proc/1/fd/8; test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo token',
      service: 'grep -E "^(Uid|Gid|CapEff|NoNewPrivs|Seccomp):" /proc/1/status; touch /x',
    };
    const seen = async (): Promise<string[]> =>
      Promise.all(
        Object.entries(looks).map(
          async ([name, look]) => (await kubectl('home', 'exec', 'held', '-c', name, '--', 'sh', '-c', look)).stdout,
        ),
      );
    await mustKubectl('home', 'create', 'configmap', 'settings', '--from-literal=key=value');
    await mustKubectl('home', 'create', 'secret', 'generic', 'hidden', '--from-literal=key=hush');
    try {
      await start(
        podOf('held', [], {
          volumes: [
            { name: 'data', emptyDir: {} },
            { name: 'mem', emptyDir: { medium: 'Memory' } },
            { name: 'config', configMap: { name: 'settings' } },
            { name: 'hidden', secret: { secretName: 'hidden' } },
          ],
          containers: [
            containerOf('main', ['sh', '-c', files], {
              volumeMounts: [
                { name: 'data', mountPath: '/data' },
                { name: 'mem', mountPath: '/mem' },
              ],
            }),
            containerOf('config', ['sh', '-c', config], {
              volumeMounts: [
                { name: 'config', mountPath: '/config' },
                { name: 'hidden', mountPath: '/hidden' },
              ],
            }),
            containerOf('service', ['ticker', '4', '20'], { securityContext: rules }),
          ],
        }),
      );
      const before = await seen();
      expect(before[0]).toContain('three');
      expect(before[1]).toBe('valuehushvaluetoken\n');
      expect(before[2]).toContain('CapEff:\t0000000000000000');
      const { before: old, after } = await movedSteps('held', 'service');
      expect(breaksIn([...old, ...after])).toEqual([]);
      expect(await seen()).toEqual(before);
    } finally {
      await mustKubectl('home', 'delete', 'configmap/settings', 'secret/hidden');
    }
  });

  test('what it may use at most is what it might before, in its containers and as a whole', async ({ start }) => {
    const original = await start(limitedPod('limits', ['ticker', '4', '20']));
    const before = await limitsOnNode(original);
    expect(before).toEqual(limitsOfLimitedPod);
    const { before: old, after } = await movedSteps('limits');
    expect(breaksIn([...old, ...after])).toEqual([]);
    const moved = await getPod('away', 'limits');
    expect(containerIdOf(moved)).not.toBe(containerIdOf(original));
    expect(await limitsOnNode(moved)).toEqual(before);
  });

  test('a timer that expires while it stands still goes on', async ({ start }) => {
    // Its interval is shorter than any freeze.
    await start(podOf('timer', ['timer', '/root/ticks']));
    const ticks = async (): Promise<number> => Number(await mustKubectl('home', 'exec', 'timer', '--', 'cat', '/root/ticks'));
    await vi.waitFor(async () => expect(await ticks()).toBeGreaterThan(5), { timeout: 20_000, interval: 200 });
    await mustMigrate('timer');
    const moved = await ticks();
    expect(moved).toBeGreaterThan(5);
    // One may have been owed.
    await vi.waitFor(async () => expect(await ticks()).toBeGreaterThan(moved + 5), { timeout: 20_000, interval: 200 });
  });

  test('containers of a pod keep their connections and their common files', async ({ start }) => {
    const shared = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    await start(
      podOf('several', [], {
        volumes: [{ name: 'data', emptyDir: {} }],
        containers: [
          containerOf('main', ['ticker', '8', '10', '/data/steps'], shared),
          containerOf('both', ['talk', 'both', '7000']),
          containerOf('server', ['talk', 'server', '7001'], shared),
          containerOf('client', ['talk', 'client', '127.0.0.1', '7001'], shared),
        ],
      }),
    );
    const { before, after } = await movedSteps('several', 'client');
    expect(breaksIn([...before, ...after])).toEqual([]);
    for (const container of ['both', 'server', 'client']) {
      const text = await logs('home', 'several', container);
      expect(text).not.toContain('lost');
      expect(text).not.toContain('accepted');
    }
    await vi.waitFor(async () => expect(stepsIn(await logs('home', 'several', 'both')).length).toBeGreaterThan(5), {
      timeout: 20_000,
      interval: 500,
    });
    const steps = stepsIn(await mustKubectl('home', 'exec', 'several', '-c', 'main', '--', 'cat', '/data/steps'));
    expect(steps.map(({ number }) => number)).toEqual(steps.map((_, index) => index));
  });

  test('a program that forks all the time, looked at by exec probes all the time, moves', async ({ start }) => {
    const forks = 'n=0; while n=$((n + 1)); do sleep 0.02 & sleep 0.01 & wait; echo "step $n $(date +%s).000"; done';
    const readinessProbe = { exec: { command: ['sleep', '0.7'] }, periodSeconds: 1, timeoutSeconds: 2 };
    await start(podOf('forks', [], { containers: [containerOf('main', ['sh', '-c', forks], { readinessProbe })] }));
    const { before, after } = await movedSteps('forks');
    expect(breaksIn([...before, ...after])).toEqual([]);
    await mustKubectl('home', 'wait', '--for=condition=Ready', 'pod/forks', '--timeout=30s');
  });

  test('a program that starts others all the time, and so is in vfork half of the time, moves', async ({ start }) => {
    await start(podOf('spawns', ['spawner']));
    const { before, after } = await movedSteps('spawns');
    expect(breaksIn([...before, ...after])).toEqual([]);
  });

  test('ten containers stand still together and go on together', async ({ start }) => {
    const names = Array.from({ length: 10 }, (_, index) => `c${index}`);
    await start(podOf('ten', [], { containers: names.map((name) => containerOf(name, ['ticker', '2', '20'])) }));
    const old = await Promise.all(names.map(async (name) => followLogs('ten', name)));
    await mustMigrate('ten');
    await Promise.all(old.map(async ({ end }) => end));
    const moved = await Promise.all(names.map(async (name) => stepsIn(await logs('home', 'ten', name))));
    const last = old.map(({ text }) => stepsIn(text()).at(-1)?.ms ?? 0);
    const first = moved.map((steps) => steps[0]?.ms ?? 0);
    names.forEach((_, index) => expect(breaksIn([...stepsIn(old[index]?.text() ?? ''), ...(moved[index] ?? [])])).toEqual([]));
    // No container ran on at the source after another had begun at the target.
    expect(Math.max(...last)).toBeLessThan(Math.min(...first));
  });

  test('half a gigabyte comes over, under as long a name as a host can have', async ({ start }) => {
    const name = 'large-'.padEnd(63, 'x');
    await start(podOf(name, ['ticker', '512', '20']));
    const { before, after } = await movedSteps(name);
    expect(breaksIn([...before, ...after])).toEqual([]);
  });
});
