import { afterEach, expect, test } from 'vitest';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import { findPeer } from '../../src/liqo/peer.ts';
import type { VirtualNode } from '../../src/liqo/virtual-nodes.ts';
import { homeObjects, startHomeCluster } from '../commands/home-cluster.ts';
import type { ApiServer } from '../kube/api-server.ts';

let home: ApiServer;
let connection: KubeConnection;

afterEach(async () => {
  connection.close();
  await home.close();
});

/** Asks for the peer of a virtual node that lacks something. */
async function found(spec: Partial<VirtualNode['spec']>): Promise<unknown> {
  const objects = homeObjects();
  const list = objects['/apis/offloading.liqo.io/v1beta1/virtualnodes'] as { items: VirtualNode[] };
  list.items = list.items.map((node) => ({ ...node, spec: { ...node.spec, ...spec } as VirtualNode['spec'] }));
  home = await startHomeCluster(objects, () => undefined);
  connection = await connectionFromKubeconfig(home.kubeconfig(), 'home');
  return await findPeer(connection, 'away', new AbortController().signal);
}

test('a virtual node that names no credential for its cluster is refused', async () => {
  await expect(found({ kubeconfigSecretRef: undefined as never })).rejects.toMatchObject({
    kind: 'refused',
    message: 'virtual node away names no Secret with a kubeconfig for its cluster [KM-PEER-CREDENTIAL]',
  });
});

test('a virtual node whose kubelet does not know this cluster is refused', async () => {
  await expect(found({ template: {} })).rejects.toMatchObject({
    kind: 'refused',
    message: 'virtual node away does not tell the ID of cluster home [KM-PEER-NOT-READY]',
  });
});
