import { afterAll, expect, test } from 'vitest';
import { goFunctionImage } from '../../bed/knative/images.ts';
import type { Hammering } from '../../bed/client/start.ts';
import { nodeNamed } from '../../bed/layout.ts';
import type { Pod } from '../../src/kube/types.ts';
import { getPod, leftoversInTheEnd, mustKubectl, mustMigrate } from '../e2e/cluster.ts';
import {
  applyFunction,
  askFunction,
  crowdAt,
  deleteFunction,
  doorOf,
  instancesOf,
  privateEndpoints,
  untilInstances,
  type Door,
} from './functions.ts';
import { hammerOn } from './hammer-on.ts';
import { courseOf, watchAll } from './watched.ts';

const names = ['owned', 'owned-three', 'owned-scaled'] as const;
afterAll(async () => {
  for (const name of names) await deleteFunction(name);
});

/** The door of one instance, which no other one answers at. */
async function doorOfPod(revision: string, name: string): Promise<Door> {
  return { ...(await doorOf(revision)), url: `http://${(await getPod('home', name)).status?.podIP}:8012/` };
}

function nameOf(pods: readonly Pod[]): string {
  return pods[0]?.metadata.name ?? '';
}

test.for([
  { name: 'owned', scale: 1 },
  { name: 'owned-three', scale: 3 },
])('one of $scale instances that its Revision owns is moved under load, and is the same one to everybody', async ({ name, scale }) => {
  const revision = await applyFunction({ name, image: goFunctionImage, minScale: scale, maxScale: scale + 2, target: 20 });
  const before = await untilInstances(revision, scale);
  const moved = nameOf(before);
  const service = await doorOf(revision);
  const { id } = await askFunction(await doorOfPod(revision, moved));
  const watched = await watchAll(['Service', 'Configuration', 'Route', 'Revision']);
  const hammering = await hammerOn(
    {
      crowds: [
        crowdAt(service, { name: 'kept', clients: 2 }),
        crowdAt(service, { name: 'fresh', clients: 2, connections: 'fresh' }),
        crowdAt(service, { name: 'slow', path: 'slow?ms=2000' }),
      ],
    },
    nodeNamed('home-1'),
  );
  await hammering.untilAnswered(100);
  await mustMigrate(moved);
  const after = await getPod('home', moved);
  expect(after.spec.nodeName).toBe('away');
  await expect.poll(async () => (await privateEndpoints(revision)).ready, { timeout: 30_000 }).toContain(after.status?.podIP);
  const atArrival = await askFunction(await doorOfPod(revision, moved), 'read');
  await hammering.untilAnswered(200);
  const later = await askFunction(await doorOfPod(revision, moved), 'read');
  expect([atArrival.id, later.id]).toEqual([id, id]);
  // Nobody but the activator makes it count.
  expect(later.count).toBeGreaterThan(atArrival.count);
  const { instances, faults } = await hammering.stop();
  expect([faults, Object.keys(instances).length]).toEqual([[], scale]);
  const seen = await watched.stop();
  const course = (kind: 'Service' | 'Configuration' | 'Route' | 'Revision', object: string): string[] =>
    courseOf(seen, kind, object, 'Ready');
  expect([course('Service', name), course('Configuration', name), course('Route', name), course('Revision', revision)]).toEqual(
    Array.from({ length: 4 }, () => ['True']),
  );
  expect(after.metadata.annotations).toMatchObject({ 'controller.kubernetes.io/pod-deletion-cost': '100' });
  expect((await untilInstances(revision, scale)).map(({ metadata }) => metadata.name).toSorted()).toEqual(
    before.map(({ metadata }) => metadata.name).toSorted(),
  );

  // Only its queue-proxy knows of this load, and only the autoscaler asks that one.
  const direct = await hammerOn({ crowds: [crowdAt(await doorOfPod(revision, moved), { path: 'slow?ms=500', clients: 50, pauseMs: 0 })] });
  const wanted = async (): Promise<string> =>
    mustKubectl('home', 'get', 'deployment', `${revision}-deployment`, '-o', 'jsonpath={.spec.replicas}');
  await expect.poll(wanted, { timeout: 60_000 }).not.toBe(String(scale));
  const told = await direct.stop();
  expect([told.failures, told.faults, Object.keys(told.instances)]).toEqual([[], [], [id]]);
  expect((await untilInstances(revision, scale)).map(({ metadata }) => metadata.name)).toContain(moved);
  expect(await leftoversInTheEnd(moved)).toEqual([]);
});

test('a scale-down takes the others first, and zero takes the moved one too', async () => {
  const revision = await applyFunction({ name: 'owned-scaled', image: goFunctionImage, minScale: 0, maxScale: 3 });
  const service = await doorOf(revision);
  const load = async (clients: number): Promise<Hammering> =>
    hammerOn({ crowds: [crowdAt(service, { path: 'slow?ms=300', clients })] }, nodeNamed('home-1'));
  const one = await load(1);
  const moved = nameOf(await untilInstances(revision, 1));
  const { id } = await askFunction(service, 'read');
  const two = await load(5);
  await untilInstances(revision, 2);
  await mustMigrate(moved);
  await two.stop();
  // The elder one of both, and to its ReplicaSet the younger.
  expect((await untilInstances(revision, 1)).map(({ metadata }) => metadata.name)).toEqual([moved]);
  expect(await askFunction(service, 'read')).toMatchObject({ id });
  const three = await load(20);
  await untilInstances(revision, 3);
  expect((await three.stop()).failures).toEqual([]);
  expect((await untilInstances(revision, 1)).map(({ metadata }) => metadata.name)).toEqual([moved]);
  await one.stop();
  await untilInstances(revision, 0);
  expect(await askFunction(service)).toMatchObject({ count: 1 });
  expect(nameOf(await instancesOf(revision))).not.toBe(moved);
  await expect.poll(async () => mustKubectl('away', 'get', 'pods,shadowpods', '-o', 'name'), { timeout: 90_000 }).not.toContain(moved);
  expect(await leftoversInTheEnd(moved)).toEqual([]);
});
