import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { runIn } from '../../bed/bed.ts';
import { kubeconfigFile } from '../../bed/layout.ts';
import { must } from '../../build/run.ts';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import { unlessNotFound } from '../../src/kube/errors.ts';
import { podsIn } from '../../src/kube/paths.ts';
import type { Pod } from '../../src/kube/types.ts';
import { delayedWay } from './delayed-way.ts';
import { follow } from './follow.ts';
import { removeHollowNodes, startHollowNodes } from './hollow.ts';
import { racedOwners, type RacedOwner } from './owners.ts';
import { race, settled, type Arrived, type RaceTrack } from './race.ts';
import type { Results } from './results.ts';

const namespace = 'races';

export interface RacePlan {
  readonly owners: readonly string[];
  readonly delaysMs: readonly number[];
  readonly tries: number;
}

/** Runs what the results lack. Owners race side by side: they have nothing in common but the control plane. */
export async function runRaces({ owners, delaysMs, tries }: RacePlan, results: Results, say: (line: string) => void): Promise<void> {
  const stop = new AbortController();
  const admin = await connectionFromKubeconfig(readFileSync(kubeconfigFile, 'utf8'), 'home');
  const heard: Arrived[] = [];
  const track: RaceTrack = { admin, namespace, heard };
  const chosen = racedOwners.filter(({ name }) => owners.includes(name));
  try {
    const token = await prepare(admin);
    await startHollowNodes(admin, podsIn(namespace), stop.signal);
    void follow<Pod>(admin, podsIn(namespace), {}, stop.signal, (event) => heard.push({ ...event, at: performance.now() }));
    await Promise.all(chosen.map(async (owner) => begin(track, owner)));
    for (const delayMs of delaysMs) {
      const ends = await Promise.allSettled(chosen.map(async (owner) => raceOn(track, owner, delayMs, tries, token, results, say)));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    }
  } finally {
    for (const { collection, object } of chosen) await remove(admin, `${collection(namespace)}/${object.metadata.name}`);
    stop.abort(new Error('the races are over'));
    await removeHollowNodes(admin);
    admin.close();
  }
}

async function raceOn(
  track: RaceTrack,
  owner: RacedOwner,
  delayMs: number,
  tries: number,
  token: string,
  results: Results,
  say: (line: string) => void,
): Promise<void> {
  const server = track.admin.server;
  const way = await delayedWay({ host: server.hostname, port: Number(server.port) }, delayMs);
  const dial = async (): Promise<ReturnType<typeof connect>> => Promise.resolve(connect(way.port, '127.0.0.1'));
  const mover = await connectionFromKubeconfig(userKubeconfig(token), 'far away', { dial });
  try {
    for (let turn = results.of(owner.name, delayMs).length; turn < tries; turn++) {
      const one = await race(track, mover, owner, turn);
      results.add(owner.name, delayMs, one);
      if (one.faults.length > 0) say(`${owner.name} ${delayMs} ms, try ${turn}: ${one.end}: ${one.faults.join('; ')}`);
      else if (turn % 20 === 19) say(`${owner.name} ${delayMs} ms: ${turn + 1} tries`);
      // What came to no good end is not built upon.
      if (one.end !== 'in place') await begin(track, owner);
    }
  } finally {
    mover.close();
    way.close();
  }
}

/** A namespace that is offloaded, and a user with the ClusterRole `edit` in it. @returns the user's token */
async function prepare(admin: KubeConnection): Promise<string> {
  const user = 'mover';
  if ((await runIn(['kubectl', 'get', 'namespace', namespace])).code !== 0) await must(['kubectl', 'create', 'namespace', namespace]);
  await must([
    'liqoctl',
    'offload',
    'namespace',
    namespace,
    '--namespace-mapping-strategy',
    'EnforceSameName',
    '--pod-offloading-strategy',
    'LocalAndRemote',
  ]);
  const subject = { kind: 'ServiceAccount', name: user, namespace };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' };
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
  await admin.delete(`/api/v1/namespaces/${namespace}/serviceaccounts/${user}`).catch(unlessNotFound);
  await admin.delete(`${bindings}/${user}`).catch(unlessNotFound);
  await admin.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: user } });
  await admin.create(bindings, { metadata: { name: user }, subjects: [subject], roleRef });
  return (await must(['kubectl', '-n', namespace, 'create', 'token', user, '--duration=8h'])).trim();
}

async function begin(track: RaceTrack, { collection, object, ...owner }: RacedOwner): Promise<void> {
  const { admin } = track;
  const path = `${collection(namespace)}/${object.metadata.name}`;
  await remove(admin, path);
  for (;;) {
    const left = await admin.list<Pod>(podsIn(namespace), undefined, { labelSelector: `app=${owner.app}` });
    const isThere = await admin.get(path).catch(unlessNotFound);
    if (left.items.length === 0 && isThere === undefined) break;
    await delay(100);
  }
  await admin.create(collection(namespace), object);
  await settled(track, { collection, object, ...owner });
}

async function remove(admin: KubeConnection, path: string): Promise<void> {
  await admin.delete(path, { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground' }).catch(unlessNotFound);
}

/** The administrator's, as somebody else. */
function userKubeconfig(token: string): string {
  const text = readFileSync(kubeconfigFile, 'utf8');
  return text.replaceAll(/^(\s+)client-certificate-data:.*$/gm, `$1token: ${token}`).replaceAll(/^\s+client-key-data:.*\n/gm, '');
}
