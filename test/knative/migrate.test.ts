import { afterAll, expect, test } from 'vitest';
import { goFunctionImage, nodeFunctionImage } from '../../bed/knative/images.ts';
import { nodeNamed } from '../../bed/layout.ts';
import { deletePod, getPod, leftoversInTheEnd, mustKubectl, mustMigrate, startPod } from '../e2e/cluster.ts';
import { containerIdOf } from '../e2e/pods.ts';
import {
  applyFunction,
  askFunction,
  crowdAt,
  deleteFunction,
  doorOf,
  memberOf,
  privateEndpoints,
  untilInstances,
  type Door,
} from './functions.ts';
import { environmentOf, mptcpListeners } from './on-node.ts';
import { hammerOn } from './hammer-on.ts';
import { courseOf, watchAll } from './watched.ts';

const cases = [
  { function: 'moves-go', image: goFunctionImage, listensByMptcp: [8012, 8022, 8080, 9090] },
  { function: 'moves-node', image: nodeFunctionImage, listensByMptcp: [8012, 8022, 9090] },
];

afterAll(async () => {
  for (const { function: name } of cases) {
    await deletePod(`${name}-member`);
    await deleteFunction(name);
  }
});

test.for(cases)(
  "an instance of $function that its revision's ReplicaSet does not know is moved under load, and is the same one to everybody",
  async ({ function: name, image, listensByMptcp }) => {
    const revision = await applyFunction({ name, image, minScale: 1, maxScale: 3 });
    const member = `${name}-member`;
    const pod = await startPod(await memberOf(revision, member));
    await untilInstances(revision, 2);

    // As Go makes listeners today, and nobody has told it not to.
    const container = containerIdOf(pod, 'user-container');
    expect(await mptcpListeners('home-1', container)).toEqual(expect.arrayContaining(listensByMptcp));
    for (const each of ['user-container', 'queue-proxy']) {
      expect((await environmentOf('home-1', containerIdOf(pod, each))).filter((line) => line.startsWith('GODEBUG='))).toEqual([]);
    }

    const service = await doorOf(revision);
    const atItsAddress = async (): Promise<Door> => ({
      ...service,
      url: `http://${(await getPod('home', member)).status?.podIP}:8012/`,
    });
    const { id } = await askFunction(await atItsAddress());
    const watched = await watchAll(['Service', 'Revision', 'PodAutoscaler']);
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
    await mustMigrate(member);
    const moved = await getPod('home', member);
    expect(moved.spec.nodeName).toBe('away');
    await expect.poll(async () => (await privateEndpoints(revision)).ready, { timeout: 30_000 }).toContain(moved.status?.podIP);
    // Nobody but the activator makes it count now.
    const atArrival = await askFunction(await atItsAddress(), 'read');
    await hammering.untilAnswered(200);
    const later = await askFunction(await atItsAddress(), 'read');
    expect([atArrival.id, later.id]).toEqual([id, id]);
    expect(later.count).toBeGreaterThan(atArrival.count);

    const { instances, faults, crowds } = await hammering.stop();
    expect({ faults, hung: Object.values(crowds).map(({ hung }) => hung) }).toEqual({ faults: [], hung: [0, 0, 0] });
    expect(Object.keys(instances)).toContain(id);
    const seen = await watched.stop();
    expect([courseOf(seen, 'Service', name, 'Ready'), courseOf(seen, 'Revision', revision, 'Ready')]).toEqual([['True'], ['True']]);

    // Only its queue-proxy knows of this load, and only the autoscaler asks that one.
    const direct = await hammerOn({ crowds: [crowdAt(await atItsAddress(), { path: 'slow?ms=500', clients: 25, pauseMs: 0 })] });
    const wanted = async (): Promise<string> =>
      mustKubectl('home', 'get', 'deployment', `${revision}-deployment`, '-o', 'jsonpath={.spec.replicas}');
    await expect.poll(wanted, { timeout: 60_000 }).not.toBe('1');
    const told = await direct.stop();
    expect([told.failures, told.faults, Object.keys(told.instances)]).toEqual([[], [], [id]]);
    expect(await leftoversInTheEnd(member)).toEqual([]);
  },
);
