import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { nodeNamed } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import { deletePod, followLogs, getPod, kubectl, leftoversInTheEnd, logs, migrate, mustKubectl, mustMigrate, startPod } from './cluster.ts';
import { containerOf, podOf } from './pods.ts';
import { breaksIn, longestGap, stepsIn } from './steps.ts';

const made: string[] = [];
afterEach(async () => {
  for (const name of made.splice(0)) await deletePod(name);
});

async function start(pod: Pod): Promise<Pod> {
  made.push(pod.metadata.name);
  return await startPod(pod);
}

/** The steps that a container printed before and after its pod moved. */
async function movedSteps(pod: string, container = 'main'): Promise<{ before: ReturnType<typeof stepsIn>; after: ReturnType<typeof stepsIn>; text: string }> {
  const old = await followLogs(pod, container);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await mustMigrate(pod);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await old.end;
  const text = await logs('home', pod, container);
  return { before: stepsIn(old.text()), after: stepsIn(text), text };
}

test('a container goes on with its memory where it stood, and nothing is left behind', async () => {
  const original = await start(podOf('one', ['ticker', '16', '10']));
  const { before, after } = await movedSteps('one');
  expect(before.length).toBeGreaterThan(10);
  expect(after.length).toBeGreaterThan(10);
  expect(breaksIn([...before, ...after])).toEqual([]);
  const moved = await getPod('home', 'one');
  expect(moved.spec.nodeName).toBe('away');
  expect(moved.metadata.uid).not.toBe(original.metadata.uid);
  expect(moved.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  expect(await leftoversInTheEnd()).toEqual([]);
});

test('the pod object is as its user wrote it, apart from the node', async () => {
  const original = await start({
    ...podOf('object', ['ticker', '1', '50'], { tolerations: [{ key: 'edge', operator: 'Exists' }] }),
    metadata: { name: 'object', namespace: 'demo', labels: { app: 'object', tier: 'x' }, annotations: { note: 'kept' } },
  });
  await mustMigrate('object');
  const moved = await getPod('home', 'object');
  const comparable = ({ spec }: Pod): unknown => ({ ...spec, nodeName: '', tolerations: spec.tolerations?.filter(({ key }) => !key?.includes('liqo.io')) });
  expect(comparable(moved)).toEqual(comparable(original));
  expect(moved.metadata.annotations?.['note']).toBe('kept');
  expect(moved.metadata.labels).toMatchObject({ app: 'object', tier: 'x' });
  await expect.poll(async () => Object.keys((await getPod('away', 'object')).metadata.labels ?? {}).filter((key) => !key.includes('liqo.io')), { timeout: 20_000 }).toEqual(['app', 'tier']);
  const shadow = JSON.parse(await mustKubectl('away', 'get', 'shadowpod', 'object', '-o', 'json')) as KubeObject;
  expect(shadow.metadata.ownerReferences).toBeUndefined();
});

test('containers of a pod keep their connections and their common files', async () => {
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
  expect(after.length).toBeGreaterThan(5);
  for (const container of ['both', 'server', 'client']) {
    const text = await logs('home', 'several', container);
    expect(text).not.toContain('lost');
    expect(text).not.toContain('accepted');
  }
  expect(stepsIn(await logs('home', 'several', 'both')).length).toBeGreaterThan(5);
  const steps = stepsIn(await mustKubectl('home', 'exec', 'several', '-c', 'main', '--', 'cat', '/data/steps'));
  expect(steps.map(({ number }) => number)).toEqual(steps.map((_, index) => index));
});

test('files of every kind come over: changed, deleted and replaced ones, in memory and on disk', async () => {
  const script = [
    'rm /etc/from-image && echo new > /etc/new && rm -r /etc/from-image.d && mkdir /etc/from-image.d && echo 3 > /etc/from-image.d/three',
    'ln -s /etc/new /root/link && ln /etc/new /root/hard && mkfifo /root/pipe && chmod 4711 /etc/new && chown 12:34 /root/hard',
    'dd if=/dev/zero of=/root/sparse bs=1 count=0 seek=1M 2>/dev/null && echo held > /root/deleted',
    'echo shm > /dev/shm/file && echo mem > /mem/file && mkdir -p /data/a/b && echo disk > "/data/a/b/odd name"',
    'exec 9< /root/deleted; rm /root/deleted; while true; do echo "tick $((n++)) $(date +%s).000"; sleep 0.05; done',
  ].join('; ');
  await start(
    podOf('files', [], {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'mem', emptyDir: { medium: 'Memory' } },
      ],
      containers: [
        containerOf('main', ['sh', '-c', script], {
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'mem', mountPath: '/mem' },
          ],
        }),
      ],
    }),
  );
  const look = 'ls /etc/from-image /etc/from-image.d/*; cat /root/link; stat -c "%a %u %g %h" /root/hard; stat -c "%F" /root/pipe; stat -c %s /root/sparse; cat /dev/shm/file /mem/file "/data/a/b/odd name"; cat /proc/1/fd/9';
  const seen = async (): Promise<string> => (await kubectl('home', 'exec', 'files', '--', 'sh', '-c', look)).stdout;
  const before = await seen();
  expect(before).toContain('three');
  await mustMigrate('files');
  expect(await seen()).toBe(before);
});

test('a program that rewrites its memory all the time loses and tears no page', async () => {
  await start(podOf('rewriter', ['rewriter', '64']));
  const { before, after, text } = await movedSteps('rewriter');
  expect(breaksIn([...before, ...after])).toEqual([]);
  expect(after.length).toBeGreaterThan(3);
  expect(text).not.toMatch(/TORN|LOST|STALE/);
});

test('files that are written all the time come over as they were in the frozen instant', async () => {
  const shared = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const writer = 'n=0; while n=$((n + 1)); do echo $n > /data/draft.$n && mv /data/draft.$n /data/last && echo $n >> /data/all && usleep 2000; done';
  await start(
    podOf('files', [], {
      containers: [containerOf('main', ['rewriter', '16', '/data/mapped'], shared), containerOf('writer', ['sh', '-c', writer], shared)],
      volumes: [{ name: 'data', emptyDir: {} }],
    }),
  );
  const { before, after, text } = await movedSteps('files');
  expect(breaksIn([...before, ...after])).toEqual([]);
  expect(text).not.toMatch(/TORN|LOST|STALE/);
  const all = (await mustKubectl('home', 'exec', 'files', '-c', 'writer', '--', 'cat', '/data/all')).trim().split('\n').map(Number);
  expect(all).toEqual(all.map((_, index) => index + 1));
  // A draft of before the move would be one that the frozen instant did not have any more.
  const names = (await mustKubectl('home', 'exec', 'files', '-c', 'writer', '--', 'ls', '/data')).trim().split('\n');
  expect(names.filter((name) => name.startsWith('draft.')).length).toBeLessThan(2);
});

test('a program that forks all the time, looked at by exec probes all the time, moves', async () => {
  const forks = 'n=0; while n=$((n + 1)); do sleep 0.02 & sleep 0.01 & wait; echo "step $n $(date +%s).000"; done';
  const readinessProbe = { exec: { command: ['sleep', '0.7'] }, periodSeconds: 1, timeoutSeconds: 2 };
  await start(podOf('forks', [], { containers: [containerOf('main', ['sh', '-c', forks], { readinessProbe })] }));
  const { before, after } = await movedSteps('forks');
  expect(breaksIn([...before, ...after])).toEqual([]);
  expect(after.length).toBeGreaterThan(3);
  await mustKubectl('home', 'wait', '--for=condition=Ready', 'pod/forks', '--timeout=30s');
});

test('ten containers stand still together and go on together', async () => {
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

test('a service user without privileges comes over with its limits and its rules', async () => {
  const rules = { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } };
  await start(podOf('service', [], { containers: [containerOf('main', ['ticker', '4', '20'], { securityContext: rules, resources: { limits: { cpu: '200m', memory: '64Mi' } } })] }));
  const look = 'grep -E "^(Uid|Gid|CapEff|NoNewPrivs|Seccomp):" /proc/1/status; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max 2>/dev/null; touch /x';
  const before = await kubectl('home', 'exec', 'service', '--', 'sh', '-c', look);
  const { before: old, after } = await movedSteps('service');
  expect(breaksIn([...old, ...after])).toEqual([]);
  expect((await kubectl('home', 'exec', 'service', '--', 'sh', '-c', look)).stdout).toBe(before.stdout);
});

test('half a gigabyte comes over', async () => {
  await start(podOf('large', ['ticker', '512', '20']));
  const { before, after } = await movedSteps('large');
  expect(breaksIn([...before, ...after])).toEqual([]);
});

test('ConfigMaps, Secrets and tokens are there, also for a process that holds such a file open', async () => {
  await mustKubectl('home', 'create', 'configmap', 'settings', '--from-literal=key=value');
  await mustKubectl('home', 'create', 'secret', 'generic', 'hidden', '--from-literal=key=hush');
  try {
    const script = 'exec 8< /config/key; while true; do echo "tick $((n++)) $(date +%s).000"; sleep 0.05; done';
    await start(
      podOf('config', [], {
        volumes: [
          { name: 'config', configMap: { name: 'settings' } },
          { name: 'hidden', secret: { secretName: 'hidden' } },
        ],
        containers: [
          containerOf('main', ['sh', '-c', script], {
            volumeMounts: [
              { name: 'config', mountPath: '/config' },
              { name: 'hidden', mountPath: '/hidden' },
            ],
          }),
        ],
      }),
    );
    const { before, after } = await movedSteps('config');
    expect(breaksIn([...before, ...after])).toEqual([]);
    const look = 'cat /config/key /hidden/key /proc/1/fd/8; test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo token';
    expect((await kubectl('home', 'exec', 'config', '--', 'sh', '-c', look)).stdout).toBe('valuehushvaluetoken\n');
  } finally {
    await mustKubectl('home', 'delete', 'configmap/settings', 'secret/hidden');
  }
});

test('a crash after the move gives a fresh container of the ordinary image', async () => {
  await start(podOf('crash', ['ticker', '4', '20']));
  await mustMigrate('crash');
  // The first process of a container cannot be killed from inside of it.
  const node = nodeNamed((await getPod('away', 'crash')).spec.nodeName ?? '');
  const killed = await runOnNode(node, ['pkill', '-9', '-x', 'ticker']);
  expect(killed.code).toBe(0);
  await expect.poll(async () => (await getPod('home', 'crash')).status?.containerStatuses?.[0]?.restartCount, { timeout: 60_000, interval: 500 }).toBe(1);
  await expect.poll(async () => stepsIn(await logs('home', 'crash'))[0]?.number, { timeout: 30_000 }).toBe(0);
});

test('a program can follow a migration; deleting the pod at home then removes everything at the peer', async () => {
  await start(podOf('gone', ['ticker', '1', '50']));
  const picture = join(tmpdir(), `timeline-${process.pid}.svg`);
  const { code, stdout } = await migrate('gone', '--events', '--timeline', picture);
  expect(code).toBe(0);
  const events = stdout.trim().split('\n').map((line) => JSON.parse(line) as { v: number; type: string; stage?: string });
  expect(new Set(events.map(({ v }) => v))).toEqual(new Set([1]));
  expect([events[0]?.type, events.at(-1)?.type]).toEqual(['started', 'result']);
  expect(events.flatMap(({ stage }) => stage ?? [])).toEqual(['frozen', 'sent', 'held', 'committed', 'running']);
  expect(await readFile(picture, 'utf8')).toMatch(/^<svg /);
  await rm(picture);
  await deletePod('gone');
  made.splice(0);
  await expect.poll(async () => (await kubectl('away', 'get', 'pods,shadowpods,secrets', '-o', 'name')).stdout.match(/gone/g), { timeout: 60_000, interval: 500 }).toBeNull();
});

test('the frozen time that is told is the one that the process saw', async () => {
  await start(podOf('frozen', ['ticker', '32', '5']));
  const old = await followLogs('frozen');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const report = await mustMigrate('frozen');
  await old.end;
  const seen = longestGap([...stepsIn(old.text()).slice(-20), ...stepsIn(await logs('home', 'frozen')).slice(0, 20)]);
  expect(report.frozenMs).toBeGreaterThan(seen * 0.5);
  expect(report.frozenMs).toBeLessThan(seen * 1.5 + 50);
  expect(report).toMatchObject({ pod: 'frozen', namespace: 'demo', from: 'home-1', to: 'away' });
  const { spans, errorMs } = report.timeline;
  const frozen = spans.find(({ name }) => name === 'frozen');
  const tolerance = errorMs.source + errorMs.target + 5;
  for (const name of ['dump', 'send-images', 'build', 'fill', 'finish']) {
    const span = spans.find((one) => one.name === name);
    expect(span?.container).toBe('main');
    expect(span?.fromMs).toBeGreaterThan((frozen?.fromMs ?? 0) - tolerance);
    expect(span?.toMs).toBeLessThan((frozen?.toMs ?? 0) + tolerance);
  }
  expect(report.steps.map(({ name }) => name)).toEqual(['plan', 'prepare', 'precopy', 'standby', 'checkpoint', 'restore', 'commit', 'cutover', 'cleanup']);
});
