import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConnection } from '../../src/kube/connection.ts';
import { KubeError, unlessNotFound, unlessOther } from '../../src/kube/errors.ts';
import type { Pod } from '../../src/kube/types.ts';
import { follow } from './follow.ts';

/** Where the owners' pods are made, and what stands for the virtual node. */
export const homeNode = 'races-home';
export const farNode = 'races-far';

/** From a pod's object to the word that its program runs: at home a little more than the quickest that was seen with real containers. */
const startsAfterMs: Readonly<Record<string, number>> = { [homeNode]: 800, [farNode]: 150 };
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/**
 * Nodes without a kubelet: what is bound to them is called running after a while, and is gone soon after its deletion began. So
 * hundreds of races need no containers. Whether a program would have started is told by how long its pod lived.
 */
export async function startHollowNodes(admin: KubeConnection, collection: string, signal: AbortSignal): Promise<void> {
  for (const name of [homeNode, farNode]) {
    const taints = [{ key: name, effect: 'NoSchedule' }];
    await admin.delete(`/api/v1/nodes/${name}`).catch(unlessNotFound);
    await admin.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { races: name } }, spec: { taints } });
    await beat(admin, name);
  }
  const seen = new Set<string>();
  void follow<Pod>(admin, collection, {}, signal, ({ type, object }) => {
    if (type === 'DELETED' || !(object.spec.nodeName! in startsAfterMs)) return;
    const key = `${object.metadata.uid}${object.metadata.deletionTimestamp === undefined ? '' : ' ends'}`;
    if (seen.has(key)) return;
    seen.add(key);
    void play(admin, collection, object).catch((error: Error) => process.stderr.write(`hollow: ${error.message}\n`));
  });
  void (async () => {
    while (!signal.aborted) {
      await delay(8_000, undefined, { signal });
      for (const name of [homeNode, farNode]) await beat(admin, name);
    }
  })().catch((error: Error) => signal.aborted || process.stderr.write(`hollow: ${error.message}\n`));
}

export async function removeHollowNodes(admin: KubeConnection): Promise<void> {
  for (const name of [homeNode, farNode]) {
    await admin.delete(`/api/v1/nodes/${name}`).catch(unlessNotFound);
    await admin.delete(`${leases}/${name}`).catch(unlessNotFound);
  }
}

async function play(admin: KubeConnection, collection: string, { metadata, spec }: Pod): Promise<void> {
  const { name, uid, deletionTimestamp } = metadata;
  const path = `${collection}/${name}`;
  if (deletionTimestamp !== undefined) {
    await delay(30);
    await admin.delete(path, { gracePeriodSeconds: 0, preconditions: { uid } }).catch(unlessNotFound).catch(unlessOther);
    return;
  }
  await delay(startsAfterMs[spec.nodeName ?? ''] ?? 0);
  const at = now();
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: at,
  }));
  const containerStatuses = spec.containers.map((container) => ({
    name: container.name,
    image: container.image,
    imageID: container.image,
    ready: true,
    restartCount: 0,
    started: true,
    state: { running: { startedAt: at } },
  }));
  const status = { phase: 'Running', startTime: at, conditions, containerStatuses };
  await admin.patch(`${path}/status`, { metadata: { uid }, status }, 'strategic').catch(unlessNotFound).catch(unlessAnother);
}

/** A patch that names a UID is refused when there is another pod of that name by now. */
function unlessAnother(error: unknown): void {
  if (!(error instanceof KubeError) || error.reason !== 'Invalid' || !error.message.includes('metadata.uid')) throw error;
}

/** As a kubelet that lives. */
async function beat(admin: KubeConnection, name: string): Promise<void> {
  const at = now();
  const room = { cpu: '64', memory: '64Gi', pods: '1000' };
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'Hollow', message: 'hollow', lastHeartbeatTime: at, lastTransitionTime: at },
  ];
  await admin.patch(`/api/v1/nodes/${name}/status`, { status: { conditions, capacity: room, allocatable: room } }, 'strategic');
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: new Date().toISOString().replace('Z', '000Z') };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
  await admin.patch(`${leases}/${name}`, lease, 'merge').catch(async (error: unknown) => {
    unlessNotFound(error);
    await admin.create(leases, lease);
  });
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+/, '');
}
