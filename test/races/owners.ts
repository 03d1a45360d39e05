import type { KubeConnection } from '../../src/kube/connection.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import { replaceByName, type ByName } from '../../src/owners/replace/by-name.ts';
import { replaceInSet } from '../../src/owners/replace/in-set.ts';
import type { Outcome, Replacement } from '../../src/owners/replace/outcome.ts';
import type { PodsAt } from '../../src/owners/replace/pods-at.ts';
import { releaseWorker } from '../../src/owners/replace/worker.ts';
import { farNode, homeNode } from './hollow.ts';

export type OwnerName = 'statefulset' | 'replicaset' | 'job';

export interface RacedOwner {
  readonly name: OwnerName;
  readonly app: string;
  /** How many pods it has. */
  readonly count: number;
  readonly collection: (namespace: string) => string;
  readonly object: KubeObject & { spec: unknown };
  /** What ours has besides, in its metadata. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly replace: (pods: PodsAt, what: Replacement, how: ByName) => Promise<Outcome>;
  /** What must not change while a pod is replaced. */
  readonly unmoved: (admin: KubeConnection, namespace: string) => Promise<unknown>;
}

/** The way in which a ReplicaSet is told whom to keep (controller_utils.go: ActivePodsWithRanks.Less). */
const keepThisOne = { 'controller.kubernetes.io/pod-deletion-cost': '2147483647' };

function template(app: string): unknown {
  const containers = [{ name: 'main', image: 'none.invalid/none', resources: { requests: { cpu: '10m', memory: '8Mi' } } }];
  const tolerations = [homeNode, farNode].map((key) => ({ key, operator: 'Exists' }));
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 30, nodeSelector: { races: homeNode }, tolerations, containers },
  };
}

const selector = (app: string): unknown => ({ matchLabels: { app } });

export const racedOwners: readonly RacedOwner[] = [
  {
    name: 'statefulset',
    app: 'web',
    count: 2,
    collection: (namespace) => `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
    object: {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web' },
      spec: { replicas: 2, serviceName: 'web', selector: selector('web'), template: template('web') },
    },
    annotations: {},
    replace: async (pods, what, how) => await replaceByName(pods, what, how),
    unmoved: async (admin, namespace) => {
      const set = await admin.get<KubeObject & { status: { updateRevision: string } }>(
        `/apis/apps/v1/namespaces/${namespace}/statefulsets/web`,
      );
      return [set.metadata.uid, set.metadata.generation, set.status.updateRevision];
    },
  },
  {
    name: 'replicaset',
    app: 'fun',
    count: 3,
    collection: (namespace) => `/apis/apps/v1/namespaces/${namespace}/deployments`,
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'fun' },
      spec: {
        replicas: 3,
        selector: selector('fun'),
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: template('fun'),
      },
    },
    annotations: keepThisOne,
    replace: async (pods, what, how) => await replaceInSet(pods, what, { ...how, selector: 'app=fun' }),
    unmoved: async (admin, namespace) => {
      const path = `/apis/apps/v1/namespaces/${namespace}`;
      const { metadata } = await admin.get<KubeObject>(`${path}/deployments/fun`);
      const sets = await admin.list<KubeObject & { spec: { replicas: number } }>(`${path}/replicasets`, undefined, {
        labelSelector: 'app=fun',
      });
      return [metadata.uid, metadata.generation, sets.items.map((set) => [set.metadata.uid, set.spec.replicas])];
    },
  },
  {
    name: 'job',
    app: 'work',
    count: 2,
    collection: (namespace) => `/apis/batch/v1/namespaces/${namespace}/jobs`,
    object: {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'work' },
      spec: { parallelism: 2, completions: 2, backoffLimit: 0, template: withRestart(template('work')) },
    },
    annotations: {},
    replace: async (pods, what, how) => await replaceInSet(pods, what, { ...how, selector: 'app=work', release: releaseWorker }),
    unmoved: async (admin, namespace) => {
      const job = await admin.get<KubeObject & { status: { failed?: number; succeeded?: number; conditions?: unknown } }>(
        `/apis/batch/v1/namespaces/${namespace}/jobs/work`,
      );
      const { failed, succeeded, conditions } = job.status;
      return [job.metadata.uid, job.metadata.generation, failed, succeeded, conditions];
    },
  },
];

/** Its object on the far node, with all by which its owner knows it. */
export function elsewhere(pod: Pod, annotations: Readonly<Record<string, string>>): Pod {
  const { name, generateName, namespace, labels, ownerReferences, finalizers } = pod.metadata;
  // Liqo's webhook adds its toleration to every new pod of an offloaded namespace without looking whether it is there.
  const tolerations = (pod.spec.tolerations ?? []).filter(({ key }) => key !== 'virtual-node.liqo.io/not-allowed');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(generateName === undefined ? {} : { generateName }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels ? { labels } : {}),
      annotations: { ...pod.metadata.annotations, ...annotations },
      ...(ownerReferences ? { ownerReferences } : {}),
      ...(finalizers ? { finalizers } : {}),
    },
    spec: { ...pod.spec, tolerations, nodeName: farNode },
  };
}

function withRestart(made: unknown): unknown {
  const { metadata, spec } = made as { metadata: unknown; spec: object };
  return { metadata, spec: { ...spec, restartPolicy: 'Never' } };
}
