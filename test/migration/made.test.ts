import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import { podsIn } from '../../src/kube/paths.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { MadeRecord } from '../../src/migration/made.ts';
import { json, refuse, startApiServer, type ApiServer } from '../kube/api-server.ts';

let api: ApiServer;
let connection: KubeConnection;
/** The objects of that server, by path. */
let objects: Map<string, KubeObject>;
/** Creations that are carried out, and of which nobody hears. */
let isDeaf: boolean;

const pods = podsIn('demo');
const never = new AbortController().signal;
const helper = (name: string): KubeObject => ({ metadata: { name, labels: { 'kubectl-migrate/migration': 'mine' } } });

// Names, UIDs and preconditions, as an API server judges them.
beforeEach(async () => {
  objects = new Map();
  isDeaf = false;
  let uids = 0;
  api = await startApiServer();
  api.answer(({ method, path, body }, response) => {
    const found = objects.get(path);
    if (method === 'POST') {
      const object = JSON.parse(body) as KubeObject;
      const at = `${path}/${object.metadata.name}`;
      if (objects.has(at)) return refuse(response, 409, 'AlreadyExists', `"${object.metadata.name}" already exists`);
      const created = { ...object, metadata: { ...object.metadata, uid: `uid-${++uids}` } };
      objects.set(at, created);
      return isDeaf ? void response.destroy() : json(response, created, 201);
    }
    if (!found) return refuse(response, 404, 'NotFound', 'not found');
    if (method !== 'DELETE') return json(response, found);
    const { preconditions } = JSON.parse(body || '{}') as { preconditions?: { uid?: string } };
    if (preconditions?.uid !== undefined && preconditions.uid !== found.metadata.uid)
      return refuse(response, 409, 'Conflict', `the UID in the precondition (${preconditions.uid}) does not match`);
    objects.delete(path);
    json(response, found);
  });
  connection = await connectionFromKubeconfig(api.kubeconfig(), 'home');
});

afterEach(async () => {
  connection.close();
  await api.close();
});

async function removeAll(made: MadeRecord): Promise<void> {
  for (const one of made.objectsAt('home')) await made.remove(one);
}

describe('what is taken back', () => {
  test('is what was made', async () => {
    const made = new MadeRecord('mine', { home: connection });
    await made.create(helper('source'), { at: 'home', collection: pods, what: 'helper pod source', gracePeriodSeconds: 1 }, never);
    expect([...objects.keys()]).toEqual([`${pods}/source`]);
    const path = `${pods}/source`;
    const recorded = { kind: 'object', what: 'helper pod source', at: 'home', path, gracePeriodSeconds: 1, uid: 'uid-1' };
    expect(JSON.parse(JSON.stringify(made.all))).toEqual([recorded]);
    await removeAll(made);
    expect([...objects.keys()]).toEqual([]);
    expect(made.all).toEqual([]);
  });

  test("is not the other one's object, whose name was there first", async () => {
    objects.set(`${pods}/web-0`, { metadata: { name: 'web-0', uid: 'theirs' } });
    const made = new MadeRecord('mine', { home: connection });
    await expect(made.create(helper('web-0'), { at: 'home', collection: pods, what: 'ShadowPod web-0' }, never)).rejects.toThrow(
      'already exists',
    );
    await removeAll(made);
    expect(objects.get(`${pods}/web-0`)?.metadata.uid).toBe('theirs');
  });

  test('is not an object that has come in the place of ours', async () => {
    const made = new MadeRecord('mine', { home: connection });
    await made.create(helper('web-0'), { at: 'home', collection: pods, what: 'ShadowPod web-0' }, never);
    objects.set(`${pods}/web-0`, { metadata: { name: 'web-0', uid: 'theirs' } });
    await removeAll(made);
    expect(objects.get(`${pods}/web-0`)?.metadata.uid).toBe('theirs');
  });

  test('is also an object of whose creation nobody heard, when it is ours', async () => {
    isDeaf = true;
    const made = new MadeRecord('mine', { home: connection });
    await expect(made.create(helper('source'), { at: 'home', collection: pods, what: 'helper pod source' }, never)).rejects.toThrow();
    expect(objects.size).toBe(1);
    await removeAll(made);
    expect(objects.size).toBe(0);
  });

  test('is also such an object that has no label yet, when it belongs to what is ours', async () => {
    const made = new MadeRecord('mine', { home: connection });
    isDeaf = true;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'target', uid: 'of-target' }];
    const about = { at: 'home', collection: pods, what: 'ShadowPod web-0', owner: 'of-target' } as const;
    await expect(made.create({ metadata: { name: 'web-0', ownerReferences } }, about, never)).rejects.toThrow();
    await removeAll(made);
    expect(objects.size).toBe(0);
  });

  test("is not another one's object of that name, when nobody heard what became of the creation", async () => {
    const made = new MadeRecord('mine', { home: connection });
    isDeaf = true;
    await expect(made.create(helper('web-0'), { at: 'home', collection: pods, what: 'ShadowPod web-0' }, never)).rejects.toThrow();
    const labels = { 'kubectl-migrate/migration': 'theirs' };
    objects.set(`${pods}/web-0`, { metadata: { name: 'web-0', uid: 'theirs', labels } });
    await removeAll(made);
    expect(objects.get(`${pods}/web-0`)?.metadata.uid).toBe('theirs');
  });
});
