import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import type { Pod } from '../../src/kube/types.ts';
import { dryRun, type DryRun } from '../../src/migration/dry-run.ts';
import { blockersAmong } from '../../src/preflight/finding.ts';
import { changesSeenBy, homeObjects, startHomeCluster } from '../commands/home-cluster.ts';
import { json, refuse, startApiServer, type Answer, type ApiServer, type Seen } from '../kube/api-server.ts';

const secretPath = '/api/v1/namespaces/liqo-tenant-away/secrets/kubeconfig-resourceslice-away';
let home: ApiServer;
let peer: ApiServer;
let connection: KubeConnection;
let objects: Record<string, object>;
/** What becomes of writes at home. */
let write: Answer;

beforeEach(async () => {
  peer = await startApiServer();
  objects = homeObjects();
  const pod = objects['/api/v1/namespaces/demo/pods/web-0'] as Pod;
  pod.spec.volumes = [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }];
  holdKubeconfig(peer.kubeconfig());
  write = (_request, response) => json(response, {}, 201);
  home = await startHomeCluster(objects, (request, response) => void write(request, response));
  connection = await connectionFromKubeconfig(home.kubeconfig(), 'home');
});

afterEach(async () => {
  connection.close();
  await home.close();
  await peer.close();
});

function holdKubeconfig(text: string): void {
  objects[secretPath] = { data: { kubeconfig: Buffer.from(text).toString('base64') } };
}

async function attempted(): Promise<DryRun> {
  return await dryRun({ connection, namespace: 'demo', pod: 'web-0', to: 'away', agentImage: 'agent:1' }, new AbortController().signal);
}

function isDry({ query, body }: Seen): boolean {
  return query.get('dryRun') === 'All' || (JSON.parse(body || '{}') as { dryRun?: string[] }).dryRun?.[0] === 'All';
}

test('every write of a migration is sent, and each with dryRun=All', async () => {
  const { notChecked, ...rest } = await attempted();
  expect(blockersAmong(rest.findings)).toEqual([]);
  expect(notChecked).toEqual(['the admission of the pods themselves at away: Liqo makes them there, and its credential may not']);
  const writes = [...changesSeenBy(home), ...changesSeenBy(peer)];
  expect(writes.filter((one) => !isDry(one))).toEqual([]);
  const pods = '/api/v1/namespaces/demo/pods';
  const shadowPods = '/apis/offloading.liqo.io/v1beta1/namespaces/demo/shadowpods';
  expect(
    writes.map(({ method, path, body }) => `${method} ${path} ${(JSON.parse(body) as Partial<Pod>).metadata?.name ?? ''}`.trim()),
  ).toEqual([
    `POST ${pods} kubectl-migrate-dry-run-source`,
    `POST ${pods} kubectl-migrate-dry-run-target`,
    'POST /api/v1/namespaces/demo/serviceaccounts/default/token',
    `DELETE ${pods}/web-0`,
    `POST ${pods} web-0`,
    `POST ${shadowPods} kubectl-migrate-dry-run-target`,
    'DELETE /api/v1/namespaces/demo/secrets/web-0-token',
    'POST /api/v1/namespaces/demo/secrets web-0-token',
    `POST ${shadowPods} web-0`,
  ]);
});

test('what the servers refuse is in the way, in their words', async () => {
  write = ({ method }, response) =>
    method === 'DELETE'
      ? refuse(response, 403, 'Forbidden', 'pods "web-0" is forbidden: not on Fridays')
      : refuse(response, 409, 'AlreadyExists', 'pods "x" already exists');
  peer.answer(({ method, path }, response) =>
    method === 'POST' && path.endsWith('/shadowpods')
      ? refuse(response, 403, 'Forbidden', 'admission webhook "shadowpod.validate.liqo.io" denied the request: quota')
      : json(response, {}),
  );
  const { findings } = await attempted();
  expect(blockersAmong(findings).map(({ code, text }) => `${code} ${text}`)).toEqual([
    'KM-SERVER-REFUSES cluster home refuses to create pod demo/kubectl-migrate-dry-run-source: pods "x" already exists',
    'KM-SERVER-REFUSES cluster home refuses to create pod demo/kubectl-migrate-dry-run-target: pods "x" already exists',
    'KM-SERVER-REFUSES cluster home refuses to give a token of serviceaccount demo/default: pods "x" already exists',
    'KM-SERVER-REFUSES cluster home refuses to delete pod demo/web-0: pods "web-0" is forbidden: not on Fridays',
    // That the pod itself is still there is no news.
    'KM-SERVER-REFUSES cluster away refuses to create ShadowPod demo/kubectl-migrate-dry-run-target: admission webhook "shadowpod.validate.liqo.io" denied the request: quota',
    'KM-SERVER-REFUSES cluster away refuses to create ShadowPod demo/web-0: admission webhook "shadowpod.validate.liqo.io" denied the request: quota',
  ]);
});

test('rights of the credential that only later steps need are asked for', async () => {
  peer.answer(({ path }, response) => json(response, path.endsWith('/selfsubjectaccessreviews') ? { status: { allowed: false } } : {}));
  const { findings } = await attempted();
  expect(blockersAmong(findings).map(({ code, text }) => `${code} ${text}`)).toEqual([
    "KM-RIGHTS Liqo's user may not get shadowpods in namespace demo of cluster away",
    "KM-RIGHTS Liqo's user may not patch shadowpods in namespace demo of cluster away",
    "KM-RIGHTS Liqo's user may not delete shadowpods in namespace demo of cluster away",
    "KM-RIGHTS Liqo's user may not get secrets in namespace demo of cluster away",
    "KM-RIGHTS Liqo's user may not patch secrets in namespace demo of cluster away",
  ]);
});

test('a peer that cannot be reached from here is told as not tried', async () => {
  holdKubeconfig(peer.kubeconfig(undefined, { server: 'https://127.0.0.1:1' }));
  const { findings, notChecked } = await attempted();
  expect(blockersAmong(findings)).toEqual([]);
  expect(notChecked).toEqual(['everything at away: its API server cannot be reached from here']);
});

test('a webhook that cannot be asked without effects is told as not tried', async () => {
  const words = 'admission webhook "x.example" does not support dry run';
  write = ({ method }, response) => (method === 'DELETE' ? refuse(response, 400, 'BadRequest', words) : json(response, {}, 201));
  const { notChecked, ...rest } = await attempted();
  expect(blockersAmong(rest.findings)).toEqual([]);
  expect(notChecked[0]).toBe(`to delete pod demo/web-0 in cluster home: ${words}`);
});

test('what is tried has names and labels that an API server takes', async () => {
  await attempted();
  const made = [...changesSeenBy(home), ...changesSeenBy(peer)].filter(({ method, path }) => method === 'POST' && !path.endsWith('/token'));
  expect(made.length).toBeGreaterThan(4);
  for (const { body } of made) {
    const { metadata } = JSON.parse(body) as Pod;
    expect(metadata.name).toMatch(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
    for (const value of Object.values(metadata.labels ?? {})) expect(value).toMatch(/^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/);
  }
});
