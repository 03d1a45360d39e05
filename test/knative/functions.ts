import { expect } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import type { Crowd } from '../../bed/client/crowd.ts';
import { nodeNamed, workloadNamespace } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { KubeList, KubeObject, Pod } from '../../src/kube/types.ts';
import { kubectl, mustKubectl } from '../e2e/cluster.ts';

export interface FunctionSpec {
  readonly name: string;
  readonly image: string;
  readonly minScale: number;
  readonly maxScale: number;
  /** How many requests at once are wanted in an instance. */
  readonly target?: number;
}

/** A condition as Knative and Kubernetes write them. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface Conditioned extends KubeObject {
  status?: { conditions?: Condition[] };
}

export const knService = 'services.serving.knative.dev';
export const revisionLabel = 'serving.knative.dev/revision';

/**
 * As the restricted standard of Kubernetes wants it, and with a root that is read-only. Without the profile Node.js uses io_uring,
 * and cannot be moved.
 */
const securityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Knative's Service for a function whose instances begin on the home node, as a user would write it. */
function serviceOf({ name, image, minScale, maxScale, target = 5 }: FunctionSpec): KubeObject {
  const scaling = { 'min-scale': minScale, 'max-scale': maxScale, 'window': '6s', 'target': target, 'metric': 'concurrency' };
  const annotations = Object.fromEntries(Object.entries(scaling).map(([key, value]) => [`autoscaling.knative.dev/${key}`, String(value)]));
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name, namespace: workloadNamespace },
    spec: {
      template: {
        metadata: { annotations },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
          containers: [{ image, ports: [{ containerPort: 8080 }], securityContext }],
        },
      },
    },
  } as KubeObject;
}

/** Creates or changes a function and waits until its Service is ready. @returns its revision's name */
export async function applyFunction(spec: FunctionSpec): Promise<string> {
  await mustIn(['kubectl', '--context', 'home', 'apply', '-f', '-'], { input: JSON.stringify(serviceOf(spec)) });
  await mustKubectl('home', 'wait', '--for=condition=Ready', `${knService}/${spec.name}`, '--timeout=90s');
  return await mustKubectl('home', 'get', knService, spec.name, '-o', 'jsonpath={.status.latestReadyRevisionName}');
}

/** Deletes a function, and waits until none of its instances is left: one drains for half a minute. */
export async function deleteFunction(name: string): Promise<void> {
  await mustKubectl('home', 'delete', knService, name, '--ignore-not-found', '--wait', '--timeout=60s');
  await mustKubectl('home', 'delete', 'pods', '-l', `serving.knative.dev/service=${name}`, '--grace-period=1', '--wait', '--timeout=90s');
}

/** The pods that count for a revision, owned or not, without those that are being deleted. */
export async function instancesOf(revision: string): Promise<Pod[]> {
  const list = JSON.parse(await mustKubectl('home', 'get', 'pods', '-l', `${revisionLabel}=${revision}`, '-o', 'json')) as KubeList<Pod>;
  return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

export function isReady({ status }: Pod): boolean {
  return (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');
}

/** Waits until so many instances are ready, and no other one is there. */
export async function untilInstances(revision: string, count: number): Promise<Pod[]> {
  await expect
    .poll(async () => (await instancesOf(revision)).map(isReady), { timeout: 90_000, interval: 300 })
    .toEqual(Array.from({ length: count }, () => true));
  return await instancesOf(revision);
}

export interface Endpoints {
  readonly ready: readonly string[];
  readonly notReady: readonly string[];
}

/** What a revision's private Service points at: its instances. The activator looks at this kind, not at the slices. */
export async function privateEndpoints(revision: string): Promise<Endpoints> {
  return await endpointsOf(`${revision}-private`);
}

/** What a revision's Service points at: the instances, or the activator. */
export async function publicEndpoints(revision: string): Promise<Endpoints> {
  return await endpointsOf(revision);
}

async function endpointsOf(service: string): Promise<Endpoints> {
  type Address = { ip: string };
  type Subsets = { subsets?: { addresses?: Address[]; notReadyAddresses?: Address[] }[] };
  const { subsets = [] } = JSON.parse(await mustKubectl('home', 'get', 'endpoints', service, '-o', 'json')) as Subsets;
  const ipsOf = (addresses: Address[] = []): string[] => addresses.map(({ ip }) => ip);
  return {
    ready: subsets.flatMap(({ addresses }) => ipsOf(addresses)).toSorted(),
    notReady: subsets.flatMap(({ notReadyAddresses }) => ipsOf(notReadyAddresses)).toSorted(),
  };
}

export async function activatorAddresses(): Promise<string[]> {
  const list = JSON.parse(
    await mustKubectl('home', '-n', 'knative-serving', 'get', 'pods', '-l', 'app=activator', '-o', 'json'),
  ) as KubeList<Pod>;
  return list.items.flatMap(({ status }) => status?.podIP ?? []).toSorted();
}

/** Through which a client comes to a function. */
export interface Door {
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The revision's own Service: by the activator, as long as it is in the path. */
export async function doorOf(revision: string): Promise<Door> {
  const address = await mustKubectl('home', 'get', 'service', revision, '-o', 'jsonpath={.spec.clusterIP}');
  return { url: `http://${address}/`, host: `${revision}.${workloadNamespace}.svc.cluster.local`, headers: {} };
}

/** The activator's own Service, with what an ingress says to it. */
export async function activatorDoor(revision: string): Promise<Door> {
  const address = await mustKubectl(
    'home',
    '-n',
    'knative-serving',
    'get',
    'service',
    'activator-service',
    '-o',
    'jsonpath={.spec.clusterIP}',
  );
  const headers = { 'Knative-Serving-Namespace': workloadNamespace, 'Knative-Serving-Revision': revision };
  return { url: `http://${address}/`, host: `${revision}.${workloadNamespace}.functions.test`, headers };
}

/** A crowd of so many clients at a door, for {@link startHammer}. */
export function crowdAt(door: Door, extra: Partial<Crowd> & { readonly path?: string } = {}): Crowd {
  const { path = '', ...rest } = extra;
  return { name: 'all', clients: 1, pauseMs: 20, connections: 'kept', limitMs: 30_000, ...door, url: `${door.url}${path}`, ...rest };
}

export interface Said {
  readonly id: string;
  readonly born: number;
  readonly count: number;
  readonly path: readonly string[];
}

/** Asks once, from the home node. @throws Error with what came instead of a function's answer */
export async function askFunction({ url, host, headers }: Door, path = ''): Promise<Said> {
  const options = Object.entries({ ...headers, Host: host }).map(([key, value]) => `--header=${key}: ${value}`);
  const { code, stdout, stderr } = await runOnNode(nodeNamed('home-1'), ['busybox', 'wget', '-q', '-O', '-', ...options, `${url}${path}`]);
  if (code !== 0) throw new Error(`${url}${path} of ${host} gave no answer: ${stderr}`);
  return JSON.parse(stdout) as Said;
}

/** The conditions of an object, as `Type=Status` or `Type=Status/Reason`. */
export function conditionsOf({ status }: Conditioned): string[] {
  return (status?.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value}${reason ? `/${reason}` : ''}`).toSorted();
}

/**
 * A pod without an owner that is otherwise as Knative makes it. All labels but the ReplicaSet's are there: the revision's Services,
 * the activator and the autoscaler take it for one of theirs, and the ReplicaSet does not know it.
 */
export async function memberOf(revision: string, name: string): Promise<Pod> {
  const { spec } = JSON.parse(await mustKubectl('home', 'get', 'deployment', `${revision}-deployment`, '-o', 'json')) as {
    spec: { template: Pod };
  };
  const { metadata, spec: podSpec } = spec.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: workloadNamespace, labels: { ...metadata.labels }, annotations: { ...metadata.annotations } },
    spec: podSpec,
  };
}

export async function isThere(kind: string, name: string): Promise<boolean> {
  const { code, stderr } = await kubectl('home', 'get', kind, name);
  if (code !== 0 && !stderr.includes('NotFound')) throw new Error(stderr);
  return code === 0;
}
