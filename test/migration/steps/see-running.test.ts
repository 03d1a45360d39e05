import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../../src/kube/connection.ts';
import type { ContainerStatus, Pod } from '../../../src/kube/types.ts';
import type { Peer } from '../../../src/liqo/peer.ts';
import { seeRunning } from '../../../src/migration/steps/cutover/see-running.ts';
import type { Cutover } from '../../../src/migration/steps/cutover/task.ts';
import { json, startApiServer, type ApiServer } from '../../kube/api-server.ts';

const pod: Pod = { metadata: { name: 'web-0', namespace: 'demo', uid: 'old' }, spec: { containers: [{ name: 'main' }, { name: 'side' }] } };
const move = { id: 'abcd1234', pod, sourceNode: 'home-1', peer: { virtualNode: 'away' } as Peer, twinNamespace: 'demo' };
let api: ApiServer;
let home: KubeConnection;

beforeEach(async () => {
  api = await startApiServer();
  home = await connectionFromKubeconfig(api.kubeconfig(), 'home');
});

afterEach(async () => {
  home.close();
  await api.close();
});

/** What the report says of a pod whose new object comes to have this status. */
async function notesOf(...containerStatuses: ContainerStatus[]): Promise<string[]> {
  const metadata = { ...pod.metadata, uid: 'new', managedFields: [{ manager: 'kubectl-migrate-abcd1234' }] };
  const status = { phase: 'Running', containerStatuses };
  api.answer((_request, response) => json(response, { metadata: { resourceVersion: '1' }, items: [{ ...pod, metadata, status }] }));
  const notes: string[] = [];
  const seen = { current: undefined, shadow: undefined, secret: undefined };
  const cutover = { move, home, notes, seen, wasDeleted: false, killed: Promise.resolve(), say: () => undefined, policy: {} };
  await seeRunning.run(cutover as unknown as Cutover);
  return notes;
}

const running = { state: { running: {} } };

test('of a pod that goes on with its memory there is nothing to tell', async () => {
  expect(await notesOf({ name: 'main', restartCount: 0, ...running }, { name: 'side', restartCount: 0, ...running })).toEqual([]);
});

const afterAnother = (reason: string): ContainerStatus => ({
  name: 'side',
  restartCount: 1,
  lastState: { terminated: { reason } },
  ...running,
});

test('a container that ended between commit and cutover, and was started afresh, is told', async () => {
  expect(await notesOf({ name: 'main', restartCount: 0, ...running }, afterAnother('Error'))).toEqual([
    'container side ended at away after it was moved, and was started afresh there',
  ]);
});

test('one that could not be started before the commit never had its memory', async () => {
  expect(await notesOf({ name: 'main', restartCount: 0, ...running }, afterAnother('StartError'))).toEqual([]);
});
