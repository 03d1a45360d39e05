import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import type { Peer } from '../../src/liqo/peer.ts';
import type { AgentSession } from '../../src/migration/helpers/session.ts';
import { rollBack } from '../../src/migration/roll-back.ts';
import { cutover } from '../../src/migration/steps/cutover/cutover.ts';
import { begin } from '../../src/migration/underway.ts';
import { moveOf } from './move.ts';
import { context } from './step-context.ts';
import { json, startApiServer, type ApiServer } from '../kube/api-server.ts';

const pod: Pod = { metadata: { name: 'web-0', namespace: 'demo', uid: 'old' }, spec: { containers: [{ name: 'main' }] } };
const peer = { virtualNode: 'away', clusterId: 'away-id' } as Peer;
const move = moveOf(pod, { id: 'abcd1234', peer, twinNamespace: 'twin' });
let servers: ApiServer[];
let connections: KubeConnection[];
const named = (index: number): KubeConnection => connections[index] as KubeConnection;

beforeEach(async () => {
  servers = await Promise.all([startApiServer(), startApiServer()]);
  connections = await Promise.all(servers.map(async (server) => connectionFromKubeconfig(server.kubeconfig(), 'cluster')));
});

afterEach(async () => {
  for (const connection of connections) connection.close();
  await Promise.all(servers.map(async (server) => server.close()));
});

function has(server: ApiServer | undefined, objects: Readonly<Record<string, KubeObject>>): void {
  server?.answer(({ path }, response: ServerResponse) => {
    const found = objects[path];
    if (found) return json(response, found);
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', code: 404, reason: 'NotFound', message: `${path} not found` }));
  });
}

test('a pod that somebody has deleted since it was moved is not made anew by the command that finishes the move', async () => {
  has(servers[0], {});
  has(servers[1], {});
  const underway = begin(move, named(0));
  underway.source.agent = { call: async () => Promise.resolve({ reset: [] }) } as unknown as AgentSession;
  const { notes } = await cutover.run({ underway, remote: named(1), isFirst: false }, context);
  expect(servers[0]?.seen.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect(notes).toEqual(['the pod was deleted after it was moved, and is not made anew']);
});

test.each([
  ['of somebody else is not waited for', { name: 'web-0', uid: 'theirs' }, true],
  [
    'that Liqo has made is waited for',
    { name: 'web-0', uid: 'ours', ownerReferences: [{ apiVersion: 'v1', kind: 'ShadowPod', name: 'web-0', uid: 's', controller: true }] },
    false,
  ],
])(
  'a pod of that name at the peer %s before its node may have its runtime back',
  async (_what, metadata, isGone) => {
    const path = '/api/v1/namespaces/twin/pods/web-0';
    has(servers[1], { [path]: { apiVersion: 'v1', kind: 'Pod', metadata } });
    const told: unknown[] = [];
    const agent = {
      close: () => undefined,
      call: async (name: string, params: unknown) => {
        if (name === 'cleanup') told.push(params);
        return Promise.resolve(name === 'cleanup' ? { refusing: false } : { state: 'never' });
      },
    };
    const underway = begin(move, named(0));
    underway.clusters.peer = named(1);
    underway.made.onNode('target');
    Object.assign(underway.target, { agent, node: 'away-1' });
    await rollBack(underway);
    expect(told).toEqual([{ podIsGone: isGone }]);
  },
  90_000,
);
