import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../../src/kube/connection.ts';
import type { PipelinedRequest } from '../../../src/kube/pipeline.ts';
import { PodsAt } from '../../../src/owners/replace/pods-at.ts';
import { json, refuse, startApiServer, type ApiServer } from '../../kube/api-server.ts';

let api: ApiServer;
let kube: KubeConnection;
let pods: PodsAt;

beforeEach(async () => {
  api = await startApiServer();
  kube = await connectionFromKubeconfig(api.kubeconfig(), 'test');
  pods = new PodsAt(kube, 'demo', { deadlineMs: 10_000 });
});

afterEach(async () => {
  pods.close();
  kube.close();
  await api.close();
});

const path = '/api/v1/namespaces/demo/pods';
const requests: readonly PipelinedRequest[] = [
  { method: 'DELETE', path: `${path}/web-0`, body: { gracePeriodSeconds: 0 } },
  { method: 'POST', path: `${path}?fieldManager=her`, body: { metadata: { name: 'web-0' } } },
];
const changes = (): string[] =>
  api.seen.filter(({ method }) => method !== 'GET').map(({ method, query }) => `${method} ${query.toString()}`.trim());

test('all goes over one connection, time after time', async () => {
  await pods.write('web-0', requests, 10_000);
  await pods.write('web-0', requests, 10_000);
  expect(api.connections()).toBe(1);
  expect(changes()).toEqual(['DELETE', 'POST fieldManager=her', 'DELETE', 'POST fieldManager=her']);
});

test('a connection that was lost is opened anew for what comes next, and for nothing that went before', async () => {
  await pods.prepare('web-0');
  api.answer((request) => {
    if (request.method === 'POST') api.cut();
  });
  expect(await pods.write('web-0', requests, 10_000)).toMatchObject([{ lost: expect.any(Error) }, { lost: expect.any(Error) }]);
  api.answer((_request, response) => json(response, {}));
  const before = changes().length;
  expect(await pods.write('web-0', requests, 10_000)).toMatchObject([{ code: 200 }, { code: 200 }]);
  expect(changes().slice(before)).toEqual(['DELETE', 'POST fieldManager=her']);
});

test('a server that keeps no connection is asked one thing after the other', async () => {
  api.answer((request, response) => {
    response.setHeader('connection', 'close');
    if (request.method === 'POST') refuse(response, 409, 'AlreadyExists', 'pods "web-0" already exists');
    else json(response, { was: request.method });
  });
  expect(await pods.write('web-0', requests, 10_000)).toMatchObject([
    { code: 200, body: { was: 'DELETE' } },
    { code: 409, body: { kind: 'Status', reason: 'AlreadyExists', message: 'pods "web-0" already exists' } },
  ]);
  expect(changes()).toEqual(['DELETE', 'POST fieldManager=her']);
});

test('and nothing more, once an answer is missing', async () => {
  api.answer((request, response) => {
    response.setHeader('connection', 'close');
    if (request.method === 'DELETE') response.destroy();
    else json(response, {});
  });
  expect(await pods.write('web-0', requests, 10_000)).toMatchObject([{ lost: expect.any(Error) }, { lost: expect.any(Error) }]);
  expect(changes()).toEqual(['DELETE']);
});
