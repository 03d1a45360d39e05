import { afterAll, beforeAll, expect, test } from 'vitest';
import { up } from '../../bed/bed.ts';
import type { Crowd } from '../../bed/client/crowd.ts';
import { goFunctionImage, nodeFunctionImage } from '../../bed/knative/images.ts';
import { nodeNamed } from '../../bed/layout.ts';
import type { KubeList } from '../../src/kube/types.ts';
import { mustKubectl } from '../e2e/cluster.ts';
import {
  activatorAddresses,
  activatorDoor,
  applyFunction,
  askFunction,
  conditionsOf,
  crowdAt,
  deleteFunction,
  doorOf,
  instancesOf,
  knService,
  privateEndpoints,
  publicEndpoints,
  untilInstances,
  type Conditioned,
  type Door,
} from './functions.ts';
import { hammerOn } from './hammer-on.ts';

const functions = [
  { name: 'counts-go', image: goFunctionImage, minScale: 1, maxScale: 3 },
  { name: 'counts-node', image: nodeFunctionImage, minScale: 1, maxScale: 3 },
];
const revisions = new Map<string, string>();

beforeAll(async () => {
  await Promise.all(functions.map(async (one) => revisions.set(one.name, await applyFunction(one))));
});
afterAll(async () => {
  await Promise.all([...functions.map(({ name }) => name), 'zero'].map(deleteFunction));
});

const revisionOf = (name: string): string => revisions.get(name) ?? '';

test('everything that Knative makes of a function is ready', async () => {
  const kinds = [knService, 'configurations.serving.knative.dev', 'routes.serving.knative.dev', 'revisions.serving.knative.dev'];
  for (const kind of [...kinds, 'podautoscalers.autoscaling.internal.knative.dev']) {
    const { items } = JSON.parse(await mustKubectl('home', 'get', kind, '-o', 'json')) as KubeList<Conditioned>;
    expect([kind, items.length]).toEqual([kind, 2]);
    for (const object of items) expect([kind, conditionsOf(object)]).toEqual([kind, expect.arrayContaining(['Ready=True'])]);
  }
});

test('a bed that is brought up again with Knative has the same Knative', async () => {
  const pods = async (): Promise<string[]> =>
    (await mustKubectl('home', '-n', 'knative-serving', 'get', 'pods', '-o', 'name')).split('\n').filter(Boolean);
  const before = await pods();
  expect(before).toHaveLength(4);
  await up(() => undefined, { withKnative: true });
  expect(await pods()).toEqual(before);
});

test.for(functions)('$name counts behind its queue-proxy, through the activator', async ({ name }) => {
  const revision = revisionOf(name);
  const [pod] = await untilInstances(revision, 1);
  expect(pod?.spec.containers.map((container) => container.name)).toEqual(['user-container', 'queue-proxy']);
  expect(await privateEndpoints(revision)).toEqual({ ready: [pod?.status?.podIP], notReady: [] });
  // The activator is in the path of a revision as small as this one, also when it has instances.
  expect(await publicEndpoints(revision)).toEqual({ ready: await activatorAddresses(), notReady: [] });

  const door = await doorOf(revision);
  const first = await askFunction(door, 'user/7');
  expect(first.path).toEqual(['user', '7']);
  const { id, count } = first;
  expect(await askFunction(await activatorDoor(revision), 'slow?ms=20')).toMatchObject({ id, count: count + 1, path: ['slow'] });
  expect(await askFunction(door, 'read')).toMatchObject({ id, count: count + 1 });
});

test('a function is reached by its Service from both clusters, and by its address, over fresh and kept connections', async () => {
  const revision = revisionOf('counts-go');
  const [pod] = await untilInstances(revision, 1);
  const home = await doorOf(revision);
  const address = await mustKubectl('away', 'get', 'service', revision, '-o', 'jsonpath={.spec.clusterIP}');
  const doors = { home, away: { ...home, url: `http://${address}/` }, itself: { ...home, url: `http://${pod?.status?.podIP}:8012/` } };
  const crowds = (door: Door): Crowd[] => [crowdAt(door, { name: 'fresh', connections: 'fresh' }), crowdAt(door, { name: 'kept' })];
  for (const [door, node] of [
    [doors.home, 'home-1'],
    [doors.away, 'away-1'],
    [doors.itself, 'away-2'],
  ] as const) {
    const hammering = await hammerOn({ crowds: crowds(door) }, nodeNamed(node));
    await hammering.untilAnswered(100);
    const { failures, faults, lost, instances } = await hammering.stop();
    expect([node, failures, faults, lost, Object.keys(instances).length]).toEqual([node, [], [], 0, 1]);
  }
});

test.for(functions)('$name gets two more instances under load, loses no request, and goes back to one', async ({ name }) => {
  const revision = revisionOf(name);
  const hammering = await hammerOn(
    {
      crowds: [
        crowdAt(await doorOf(revision), { name: 'slow', path: 'slow?ms=300', clients: 20 }),
        crowdAt(await doorOf(revision), { name: 'fresh', clients: 2, connections: 'fresh' }),
      ],
    },
    nodeNamed('home-1'),
  );
  const pods = await untilInstances(revision, 3);
  await hammering.untilAnswered(200);
  const { crowds, instances, failures, faults, lost } = await hammering.stop();
  expect({ failures, faults, lost }).toEqual({ failures: [], faults: [], lost: 0 });
  expect(crowds['slow']?.good).toBeGreaterThan(100);
  expect(Object.keys(instances)).toHaveLength(3);
  const [one] = await untilInstances(revision, 1);
  expect(pods.map(({ metadata }) => metadata.uid)).toContain(one?.metadata.uid);
});

test('a function goes to zero when nobody asks, and comes from zero for a request that waits', async () => {
  const revision = await applyFunction({ name: 'zero', image: goFunctionImage, minScale: 0, maxScale: 1 });
  const door = await doorOf(revision);
  const before = await askFunction(door);
  await untilInstances(revision, 0);
  const after = await askFunction(door);
  expect(after).toMatchObject({ count: 1 });
  expect(after.id).not.toBe(before.id);
  expect(await instancesOf(revision)).toHaveLength(1);
});
