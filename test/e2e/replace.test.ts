import { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mustIn, runIn } from '../../bed/bed.ts';
import type { KubeConnection } from '../../src/kube/connection.ts';
import { podsIn } from '../../src/kube/paths.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import { waitFor } from '../../src/kube/wait.ts';
import { byUid, replaceByName } from '../../src/owners/replace/by-name.ts';
import { replaceInSet } from '../../src/owners/replace/in-set.ts';
import type { Replacement } from '../../src/owners/replace/outcome.ts';
import { PodsAt } from '../../src/owners/replace/pods-at.ts';
import { jobTracking, releaseWorker } from '../../src/owners/replace/worker.ts';
import { homeConnection } from './home-connection.ts';

/**
 * Wherever the command that replaces a pod's object dies, and whatever the owner does then: the same call goes on from there, or
 * says what is in its way. Owners and their pods are genuine; ours is bound to a node without a kubelet, and never runs.
 */
const namespace = 'replaced';
const farNode = 'replaced-far';
const creator = 'kubectl-migrate-replaced';
const how = { creator, deadlineMs: 20_000 };

let home: KubeConnection;

beforeAll(async () => {
  await runIn(['kubectl', 'create', 'namespace', namespace]);
  home = await homeConnection();
  const taints = [{ key: farNode, effect: 'NoSchedule' }];
  await home.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: farNode }, spec: { taints } });
});

afterAll(async () => {
  await mustIn(['kubectl', 'delete', 'namespace', namespace, '--wait=false']);
  await home.delete(`/api/v1/nodes/${farNode}`);
  home.close();
});

describe('the pod of a StatefulSet', () => {
  test('is replaced once, however often that is asked for', async () => {
    const what = replacementOf(await startOwned('apps/v1', 'StatefulSet', 'once', { serviceName: 'once' }));
    const first = await byName(what);
    expect(first).toMatchObject({ end: 'in place', ours: { spec: { nodeName: farNode } } });
    expect(await byName(what)).toMatchObject({ end: 'in place', rounds: 0, ours: { metadata: { uid: uidOf(first) } } });
  });

  test('that was only deleted has been started afresh: that is told, and only taken away when it is wanted', async () => {
    const old = await startOwned('apps/v1', 'StatefulSet', 'died', { serviceName: 'died' });
    const what = replacementOf(old);
    await deleteNow(old);
    const fresh = await untilReady(old.metadata.name, old.metadata.uid);
    expect(await byName(what)).toMatchObject({ end: 'owner runs', pod: { metadata: { uid: fresh.metadata.uid } } });
    expect((await untilReady(old.metadata.name)).metadata.uid).toBe(fresh.metadata.uid);
    const outcome = await byName(what, { evenIfStarted: true });
    expect(outcome).toMatchObject({ end: 'in place' });
    expect('removed' in outcome && outcome.removed).toContainEqual({
      pod: expect.objectContaining({ metadata: expect.objectContaining({ uid: fresh.metadata.uid }) }),
      mayHaveRun: true,
    });
  });

  test('is in place though no answer came', async () => {
    const what = replacementOf(await startOwned('apps/v1', 'StatefulSet', 'lost', { serviceName: 'lost' }));
    const wire = { losesNextAnswer: false };
    const deaf = await homeConnection((stream) => losingAnswers(stream, wire));
    const pods = new PodsAt(deaf, namespace, { deadlineMs: 20_000 });
    let times = 0;
    const release = async (holder: Pod): ReturnType<typeof byUid> => {
      wire.losesNextAnswer = ++times === 1;
      return await byUid(holder, pods);
    };
    const outcome = await replaceByName(pods, what, { ...how, release, evenIfStarted: true });
    expect(outcome).toMatchObject({ end: 'in place' });
    expect(wire.losesNextAnswer).toBe(false);
    expect((await untilThere(what.create.metadata.name)).metadata.uid).toBe(uidOf(outcome));
    pods.close();
    deaf.close();
  });

  test('is not replaced where the name belongs to somebody else', async () => {
    const other = await startOwned('apps/v1', 'StatefulSet', 'other', { serviceName: 'other' });
    const what = { ...replacementOf(other), old: 'gone', ownerUid: 'another' };
    expect(await byName(what)).toMatchObject({ end: 'another', pod: { metadata: { uid: other.metadata.uid } } });
    expect((await untilReady(other.metadata.name)).metadata.uid).toBe(other.metadata.uid);
  });

  test('that may not be made is refused at once, and its owner is left in peace', async () => {
    const what = replacementOf(await startOwned('apps/v1', 'StatefulSet', 'bad', { serviceName: 'bad' }));
    const create = { ...what.create, spec: { ...what.create.spec, containers: [] } };
    expect(await byName({ ...what, create })).toMatchObject({
      end: 'refused',
      code: 422,
      message: expect.stringContaining('spec.containers'),
    });
  });
});

describe('the pod of a ReplicaSet', () => {
  test('is replaced beside the others, and stays', async () => {
    const old = await startOwned('apps/v1', 'ReplicaSet', 'three', { replicas: 3 });
    const others = (await podsOf('three')).map(({ metadata }) => metadata.uid).filter((uid) => uid !== old.metadata.uid);
    const outcome = await inSet(replacementOf(old, cost), 'three');
    expect(outcome).toMatchObject({ end: 'in place' });
    const after = (await podsOf('three')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(new Set(after.map(({ metadata }) => metadata.uid))).toEqual(new Set([...others, uidOf(outcome)]));
  });

  test('is not made beside another one that runs in its place', async () => {
    const old = await startOwned('apps/v1', 'ReplicaSet', 'runs', {});
    await deleteNow(old);
    const [fresh] = await untilOthers('runs', old);
    const what = replacementOf(old, cost);
    await expect(inSet(what, 'runs')).rejects.toThrow('was not written down');
    expect(await inSet(what, 'runs', { known: new Set() })).toMatchObject({
      end: 'owner runs',
      pod: { metadata: { uid: fresh?.metadata.uid } },
    });
    expect((await podsOf('runs')).map(({ metadata }) => metadata.uid)).toEqual([fresh?.metadata.uid]);
  });

  test('has no other one come late, as long as it is handed over', async () => {
    const old = await startOwned('apps/v1', 'ReplicaSet', 'late', {});
    const { labels, ownerReferences } = old.metadata;
    const late = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late-too', labels, ownerReferences },
      spec: { ...old.spec, nodeName: farNode },
    };
    const whileSettled = async (): Promise<void> => {
      await home.create(podsIn(namespace), late);
      await until('late-too', undefined);
    };
    expect(await inSet(replacementOf(old, cost), 'late', { whileSettled })).toMatchObject({
      end: 'in place',
      removed: expect.arrayContaining([
        expect.objectContaining({ pod: expect.objectContaining({ metadata: expect.objectContaining({ name: 'late-too' }) }) }),
      ]),
    });
  });

  test('is told of when it is taken away meanwhile', async () => {
    const old = await startOwned('apps/v1', 'ReplicaSet', 'taken', {});
    const whileSettled = async (ours: Pod): Promise<void> => {
      await deleteNow(ours);
      await until(ours.metadata.name, undefined);
    };
    expect(await inSet(replacementOf(old, cost), 'taken', { whileSettled })).toMatchObject({ end: 'ours removed' });
  });
});

describe('the pod of a Job', () => {
  const spec = { backoffLimit: 0, completions: 1 };

  test('is counted neither when it goes nor when it comes, and is counted again afterwards', async () => {
    const old = await startOwned('batch/v1', 'Job', 'work', spec);
    const outcome = await inSet(replacementOf(old), 'work', { release: releaseWorker });
    expect(outcome).toMatchObject({ end: 'in place', ours: { metadata: { finalizers: [jobTracking] } } });
    await expectNoFailure('work');
  });

  test('that has lost its tracking already is not left without it', async () => {
    const old = await startOwned('batch/v1', 'Job', 'torn', spec);
    await home.patch(`${podsIn(namespace)}/${old.metadata.name}`, { metadata: { finalizers: null } }, 'merge');
    const outcome = await inSet(replacementOf(old), 'torn', { release: releaseWorker });
    expect(outcome).toMatchObject({ end: 'in place', ours: { metadata: { finalizers: [jobTracking] } } });
    await expectNoFailure('torn');
  });
});

const cost = { 'controller.kubernetes.io/pod-deletion-cost': '2147483647' };

/** @returns its first pod, which runs */
async function startOwned(apiVersion: string, kind: string, app: string, spec: Record<string, unknown>): Promise<Pod> {
  const containers = [{ name: 'main', image: 'example.test/base:1', command: ['sleep', '1000'] }];
  const pod = {
    terminationGracePeriodSeconds: 1,
    nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
    containers,
    ...(kind === 'Job' ? { restartPolicy: 'Never' } : {}),
  };
  const selector = kind === 'Job' ? {} : { selector: { matchLabels: { app } } };
  const object = {
    apiVersion,
    kind,
    metadata: { name: app, namespace },
    spec: { ...selector, template: { metadata: { labels: { app } }, spec: pod }, ...spec },
  };
  await mustIn(['kubectl', 'create', '-f', '-'], { input: JSON.stringify(object) });
  const count = Number(spec['replicas'] ?? 1);
  for (;;) {
    const pods = await podsOf(app);
    if (pods.length === count && pods[0] && pods.every(isReady)) return pods[0];
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function replacementOf({ metadata, spec }: Pod, annotations: Record<string, string> = {}): Replacement {
  const { name, labels, ownerReferences, uid = '', finalizers } = metadata;
  return {
    old: uid,
    ownerUid: ownerReferences?.[0]?.uid ?? '',
    isOurs: (pod) => pod.spec.nodeName === farNode && (pod.metadata.managedFields ?? []).some(({ manager }) => manager === creator),
    create: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        annotations,
        ...(labels ? { labels } : {}),
        ...(ownerReferences ? { ownerReferences } : {}),
        ...(finalizers ? { finalizers } : {}),
      },
      spec: { ...spec, nodeName: farNode },
    },
  };
}

async function byName(what: Replacement, more: Partial<Parameters<typeof replaceByName>[2]> = {}): ReturnType<typeof replaceByName> {
  const pods = new PodsAt(home, namespace, { deadlineMs: 20_000 });
  try {
    return await replaceByName(pods, what, { ...how, ...more });
  } finally {
    pods.close();
  }
}

async function inSet(
  what: Replacement,
  app: string,
  more: Partial<Parameters<typeof replaceInSet>[2]> = {},
): ReturnType<typeof replaceInSet> {
  const pods = new PodsAt(home, namespace, { deadlineMs: 20_000 });
  try {
    return await replaceInSet(pods, what, { ...how, selector: `app=${app}`, ...more });
  } finally {
    pods.close();
  }
}

async function podsOf(app: string): Promise<Pod[]> {
  return (await home.list<Pod>(podsIn(namespace), undefined, { labelSelector: `app=${app}` })).items;
}

async function deleteNow({ metadata: { name, uid } }: Pod): Promise<void> {
  await home.delete(`${podsIn(namespace)}/${name}`, { gracePeriodSeconds: 0, preconditions: { uid } });
}

async function untilReady(name: string, other?: string): Promise<Pod> {
  const found = await until(name, (pod) => pod !== undefined && pod.metadata.uid !== other && isReady(pod));
  if (!found) throw new Error(`no pod ${name}`);
  return found;
}

async function untilThere(name: string): Promise<Pod> {
  const found = await until(name, (pod) => pod !== undefined);
  if (!found) throw new Error(`no pod ${name}`);
  return found;
}

async function untilOthers(app: string, old: Pod): Promise<Pod[]> {
  for (;;) {
    const pods = (await podsOf(app)).filter(({ metadata }) => metadata.uid !== old.metadata.uid);
    if (pods.length > 0 && pods.every(isReady)) return pods;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** @param isDone without it, that there is none */
async function until(name: string, isDone: ((pod: Pod | undefined) => boolean) | undefined): Promise<Pod | undefined> {
  const wait = {
    collection: podsIn(namespace),
    name,
    what: `pod ${name}`,
    deadlineMs: 60_000,
    isDone: isDone ?? ((pod: Pod | undefined) => pod === undefined),
  };
  return await waitFor<Pod>(home, wait, new AbortController().signal);
}

/** A Job looks at its pods once a second (job_controller.go: SyncJobBatchPeriod). */
async function expectNoFailure(name: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const { status } = await home.get<KubeObject & { status: { active?: number; failed?: number } }>(
    `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`,
  );
  expect({ active: status.active, failed: status.failed }).toEqual({ active: 1, failed: undefined });
  expect(await podsOf(name)).toHaveLength(1);
}

function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined && (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True')
  );
}

function uidOf(outcome: Awaited<ReturnType<typeof replaceByName>>): string | undefined {
  return 'ours' in outcome ? outcome.ours.metadata.uid : undefined;
}

/** A way that breaks when something comes back of what was sent there when the answer was to be lost. */
function losingAnswers(stream: Duplex, wire: { losesNextAnswer: boolean }): Duplex {
  let isDeaf = false;
  const way = new Duplex({
    read: () => stream.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      if (wire.losesNextAnswer) isDeaf = true;
      wire.losesNextAnswer = false;
      stream.write(chunk, done);
    },
    destroy: (error, done) => {
      stream.destroy();
      done(error);
    },
  });
  stream.on('data', (chunk: Buffer) => (isDeaf ? way.destroy(new Error('the way broke')) : way.push(chunk)));
  stream.on('error', (error: Error) => way.destroy(error));
  stream.on('end', () => way.push(null));
  return way;
}
