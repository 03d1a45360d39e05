import { afterAll, describe, expect } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import type { BatchReport } from '../../src/cli/batch-report.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import type { PlannedPod } from '../../src/migration/batch.ts';
import { followLogs, leftoversInTheEnd, migrate, mustKubectl } from './cluster.ts';
import { expectMoved } from './moved.ts';
import { heardTest } from './pod-test.ts';
import { heardPods, outcomesOf } from './several-pods.ts';
import { containerOf, podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';
import { expectRunsOn } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);

const heardPod = heardPods(ticks);

describe('several pods', () => {
  test('that are named are moved in that order, and the same command again finds nothing left to do', async ({ start }) => {
    const names = ['named-b', 'named-a'];
    await Promise.all(names.map(async (name) => start(heardPod(name))));
    const old = await Promise.all(names.map(async (name) => followLogs(name)));
    const { code, stdout, stderr } = await migrate(...names, '--events');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; migration?: string; pod?: string; report?: BatchReport; exitCode?: number });
    const started = lines.filter(({ type }) => type === 'started');
    expect(started.map(({ pod }) => pod)).toEqual(names);
    const last = lines.pop();
    expect(last).toMatchObject({ type: 'result', exitCode: 0 });
    expect(last?.report && outcomesOf(last.report)).toEqual(['named-b moved', 'named-a moved']);
    // Each line belongs to one of the two, and what the second tells comes after all of the first.
    const [first, second] = started.map(({ migration }) => migration);
    expect(first).not.toBe(second);
    expect([...new Set(lines.map(({ migration }) => migration))]).toEqual([first, second]);
    for (const [index, name] of names.entries()) {
      const log = old[index];
      if (log) await expectMoved(name, log, ticks);
    }
    const again = await migrate(...names, '-o', 'json');
    expect(again).toMatchObject({ code: 0 });
    expect(outcomesOf(JSON.parse(again.stdout) as BatchReport)).toEqual(['named-b skipped', 'named-a skipped']);
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});

describe('the pods of what keeps them', () => {
  const replicas = (kind: string, name: string, count: number): object => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'demo' },
    spec: {
      replicas: count,
      ...(kind === 'StatefulSet' ? { serviceName: name, podManagementPolicy: 'Parallel' } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
          containers: [containerOf('main', ['ticker', '1', '50'])],
        },
      },
    },
  });

  async function planned(...words: readonly string[]): Promise<readonly PlannedPod[]> {
    const { code, stdout, stderr } = await migrate(...words, '--dry-run', '-o', 'json');
    // What keeps a pod may still be in its way; it is found all the same.
    expect([0, 3], stderr).toContain(code);
    return (JSON.parse(stdout) as { items: readonly PlannedPod[] }).items;
  }

  test('are found by UID, a StatefulSet from its highest ordinal down', async ({ start }) => {
    const made = [replicas('Deployment', 'kept-web', 2), replicas('StatefulSet', 'kept-db', 11)];
    await mustIn(['kubectl', '-n', 'demo', 'apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: made }),
    });
    try {
      // It has the Deployment's labels, and the look of one of its pods, and is nobody's: its selector would pick it.
      const bare = podOf('kept-web-bare', ['ticker', '1', '50']);
      await start({ ...bare, metadata: { ...bare.metadata, labels: { look: 'alike' } } });
      for (const one of ['deployment/kept-web', 'statefulset/kept-db'])
        await mustKubectl('home', 'rollout', 'status', one, '--timeout=120s');
      const ofWeb = JSON.parse(await mustKubectl('home', 'get', 'pods', '-l', 'app=kept-web', '-o', 'json')) as { items: KubeObject[] };
      const web = ofWeb.items.map(({ metadata }) => metadata.name).toSorted();
      expect(web).toHaveLength(2);
      expect((await planned('deployment/kept-web')).map(({ pod }) => pod)).toEqual(web);
      const [replicaSet] = ofWeb.items.map(({ metadata }) => metadata.ownerReferences?.[0]?.name ?? '');
      expect((await planned('rs', replicaSet ?? '')).map(({ pod }) => pod)).toEqual(web);
      const db = Array.from({ length: 11 }, (_, index) => `kept-db-${10 - index}`);
      expect((await planned('sts/kept-db')).map(({ pod }) => pod)).toEqual(db);
      expect((await planned('kept-web-bare', 'deploy/kept-web')).map(({ pod }) => pod)).toEqual(['kept-web-bare', ...web]);
    } finally {
      await mustKubectl('home', 'delete', 'deployment/kept-web', 'statefulset/kept-db', '--wait=false');
    }
  });

  test('that are not there are told as kubectl tells it', async () => {
    const missing = await migrate('deployment/nobody');
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toBe('Error from server (NotFound): deployments.apps "nobody" not found\n');
    const none = await migrate('-l', 'app=nobody');
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toBe('error: No resources found in demo namespace of cluster home: selector app=nobody matches no pod\n');
    const odd = await migrate('-l', 'app in nobody');
    expect(odd).toMatchObject({ code: 1, stdout: '' });
    expect(odd.stderr).toMatch(/^Error from server \(BadRequest\): unable to parse requirement/);
    const one = await migrate('several-not-there', 'neither');
    expect(one.code).toBe(1);
    expect(one.stderr).toMatch(/^Error from server \(NotFound\): pods "(several-not-there|neither)" not found\n$/);
  });
});

test('a server dry run of several pods has the writes of each judged, and changes nothing', async ({ start }) => {
  const original = await Promise.all(['judged-a', 'judged-b'].map(async (name) => start(heardPod(name))));
  const { code, stdout, stderr } = await migrate('judged-a', 'judged-b', '--dry-run=server');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^judged-a +home-1 .* move$/m);
  expect(stdout).toContain('Not tried:\n  the admission of the pods themselves at away');
  expect(await migrate('judged-a', 'judged-b', '--dry-run', '-o', 'name')).toMatchObject({
    code: 0,
    stdout: 'pod/judged-a\npod/judged-b\n',
  });
  for (const one of original) await expectRunsOn(one, ticks);
  expect(await leftoversInTheEnd()).toEqual([]);
});
