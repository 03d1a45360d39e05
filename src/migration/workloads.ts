/** Those whose pods can be asked for by their name, as the API has them. */
export const workloads = {
  Deployment: { group: 'apps', resource: 'deployments' },
  StatefulSet: { group: 'apps', resource: 'statefulsets' },
  ReplicaSet: { group: 'apps', resource: 'replicasets' },
  ReplicationController: { group: '', resource: 'replicationcontrollers' },
  Job: { group: 'batch', resource: 'jobs' },
} as const satisfies Readonly<Record<string, { readonly group: string; readonly resource: string }>>;

export type WorkloadKind = keyof typeof workloads;

/** All of these are `v1`. */
export function workloadsIn(namespace: string, kind: WorkloadKind): string {
  const { group, resource } = workloads[kind];
  return `${group === '' ? '/api' : `/apis/${group}`}/v1/namespaces/${namespace}/${resource}`;
}

/** On the pods of a Knative Service, with its name (serving: pkg/apis/serving/register.go, ServiceLabelKey). */
export const knativeServiceLabel = 'serving.knative.dev/service';
