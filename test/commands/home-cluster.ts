import type { ServerResponse } from 'node:http';
import { json, refuse, startApiServer, type ApiServer, type Seen } from '../kube/api-server.ts';

/** The objects that a plan reads, by path: pod `demo/web-0` on `home-1`, and the peer `away`. */
export function homeObjects(): Record<string, object> {
  const offloading = '/apis/offloading.liqo.io/v1beta1';
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
  const virtualNode = {
    metadata: { name: 'away', namespace: 'liqo-tenant-away' },
    spec: {
      clusterID: 'away',
      kubeconfigSecretRef: { name: 'kubeconfig-resourceslice-away' },
      template: { spec: { template: { spec: { containers: [{ args: ['--home-cluster-id=home'] }] } } } },
    },
  };
  return {
    '/api/v1/namespaces/demo/pods/web-0': {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web-0', namespace: 'demo', uid: 'u' },
      spec: { nodeName: 'home-1', containers: [{ name: 'main', image: 'busybox' }], volumes: [{ name: 'data', emptyDir: {} }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          { name: 'main', ready: true, imageID: 'busybox@sha256:0', containerID: 'containerd://0', state: { running: {} } },
        ],
      },
    },
    '/api/v1/namespaces/demo/pods': { metadata: {}, items: [] },
    '/api/v1/nodes/home-1': { metadata: { name: 'home-1' }, status: ready },
    '/api/v1/nodes/away': { metadata: { name: 'away', labels: { 'liqo.io/remote-cluster-id': 'away' } }, status: ready },
    [`${offloading}/virtualnodes`]: { metadata: {}, items: [virtualNode] },
    [`${offloading}/namespaces/demo/namespaceoffloadings/offloading`]: {
      metadata: { name: 'offloading' },
      spec: { podOffloadingStrategy: 'LocalAndRemote' },
    },
    [`${offloading}/namespaces/liqo-tenant-away/namespacemaps/away`]: {
      metadata: { name: 'away' },
      status: { currentMapping: { demo: { remoteNamespace: 'demo', phase: 'Accepted' } } },
    },
  };
}

const accessReviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** An API server with those objects, whose user may do everything. What would change anything goes to `change`. */
export async function startHomeCluster(
  objects: Record<string, object>,
  change: (request: Seen, response: ServerResponse) => void,
): Promise<ApiServer> {
  const api = await startApiServer();
  api.answer((request, response) => {
    const found = objects[request.path];
    if (request.path === accessReviews) json(response, { status: { allowed: true } });
    else if (request.method !== 'GET') change(request, response);
    else if (found) json(response, found);
    else refuse(response, 404, 'NotFound', `${request.path.split('/').at(-2)} "${request.path.split('/').at(-1)}" not found`);
  });
  return api;
}

/** The requests that would have changed something. */
export function changesSeenBy({ seen }: ApiServer): Seen[] {
  return seen.filter(({ method, path }) => method !== 'GET' && path !== accessReviews);
}
