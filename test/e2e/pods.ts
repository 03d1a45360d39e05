import type { Container, Pod } from '../../src/kube/types.ts';

/** A pod of the bed's workload image on the home cluster's node; its first container is called `main`. */
export function podOf(name: string, command: readonly string[], extra: Partial<Pod['spec']> = {}, more: readonly Container[] = []): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'demo', labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      nodeSelector: { 'kubernetes.io/hostname': 'home-1' },
      containers: [containerOf('main', command), ...more],
      ...extra,
    },
  };
}

export function containerOf(name: string, command: readonly string[], extra: Partial<Container> = {}): Container {
  return { name, image: 'example.test/base:1', imagePullPolicy: 'IfNotPresent', command: [...command], ...extra };
}

/** How the runtime calls a container of a pod that runs. @throws Error when it has none yet */
export function containerIdOf({ metadata, status }: Pod, container = 'main'): string {
  const id = status?.containerStatuses?.find(({ name }) => name === container)?.containerID?.split('://')[1];
  if (id === undefined) throw new Error(`pod ${metadata.name} has no container ${container} yet`);
  return id;
}
