import type { Container, Pod } from '../kube/types.ts';
import { apiServerSupportAnnotation, managedByLabel, managedByValue, migrationLabel, movedPodAnnotation } from '../liqo/names.ts';
import { deadlineFactor } from '../protocol/deadlines.ts';
import { helperPlacement } from './helper-placement.ts';
import { imageAtPeer, type Pins } from './images.ts';
import type { Plan } from './plan.ts';

/** A helper ends by itself after this time, whatever becomes of the CLI. */
const lifetimeSeconds = 3600;

export const agentContainer = 'agent';
export const agentCommand = ['/agent/bin/node', '--disable-sigusr1', '/agent/agent.mjs'] as const;

export function helperName(migration: string, role: 'source' | 'target' | 'rescue'): string {
  return `kubectl-migrate-${migration}-${role}`;
}

/** The agent on the pod's own node. CRIU must see the processes under the numbers that the node knows, hence hostPID. */
export function sourceHelper(plan: Plan, migration: string, image: string, role: 'source' | 'rescue' = 'source'): Pod {
  return helper(plan, migration, image, role, { nodeName: plan.sourceNode, hostPID: true, tolerations: [{ operator: 'Exists' }] });
}

/** Clears away, on a certain node of the peer, what the target agent left there; ends by itself. */
export function targetSweeper(plan: Plan, migration: string, image: string, node: string, outcome: 'moved' | 'given-up'): Pod {
  const pod = helper(plan, migration, image, 'rescue', { nodeName: node, tolerations: [{ operator: 'Exists' }] });
  const args = ['node-cleanup', migration, plan.twinNamespace, plan.pod.metadata.name, outcome];
  return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map((container) => ({ ...container, args })) } };
}

/**
 * The agent at the peer: an ordinary pod on the virtual node. Its other containers run the pod's own images with a
 * program that does nothing, so every image is on that node, pulled with the pod's own secrets, before anything freezes.
 * Without Liqo's API-server support it gets no variables of the home cluster, which it has no use for.
 *
 * No init container: the kubelet notices the end of one only once a second (PLEG), and starts the containers of a pod in
 * a row. It starts none before the hook of the one before has ended, so the program is there when the first image needs it.
 */
export function targetHelper(plan: Plan, migration: string, image: string, pins: Pins): Pod {
  const { spec } = plan.pod;
  const images = new Map(
    [...spec.containers, ...(spec.initContainers ?? [])].map((container) => [imageAtPeer(container, pins), container]),
  );
  const staged = { name: 'noop', mountPath: '/noop' };
  const pulling: Container[] = [...images].map(([wanted, container], index) => ({
    name: `image-${index}`,
    image: wanted,
    ...(container['imagePullPolicy'] === undefined ? {} : { imagePullPolicy: container['imagePullPolicy'] }),
    command: ['/noop/noop'],
    volumeMounts: [staged],
    // An image whose user is a name cannot be run as it is under runAsNonRoot; the no-op needs no user at all.
    securityContext: { runAsUser: 0, runAsNonRoot: false },
  }));
  const placement = helperPlacement(plan.pod, plan.peer);
  const pod = helper(plan, migration, image, 'target', {
    nodeName: plan.peer.virtualNode,
    ...placement.spec,
    ...(spec.imagePullSecrets ? { imagePullSecrets: spec.imagePullSecrets } : {}),
  });
  const staging = (agent: Container): Container => ({
    ...agent,
    volumeMounts: [...(agent.volumeMounts ?? []), staged],
    lifecycle: { postStart: { exec: { command: [...agentCommand, 'stage', staged.mountPath] } } },
  });
  pod.metadata.annotations = { ...pod.metadata.annotations, ...placement.annotations, [apiServerSupportAnnotation]: 'disabled' };
  pod.spec.volumes = [...(pod.spec.volumes ?? []), { name: 'noop', emptyDir: {} }];
  pod.spec.containers = [...pod.spec.containers.map(staging), ...pulling];
  return pod;
}

function helper(plan: Plan, migration: string, image: string, role: 'source' | 'target' | 'rescue', spec: Partial<Pod['spec']>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: helperName(migration, role),
      namespace: plan.report.namespace,
      labels: { [managedByLabel]: managedByValue, [migrationLabel]: migration, 'kubectl-migrate/role': role },
      annotations: { [movedPodAnnotation]: plan.pod.metadata.name },
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 30,
      activeDeadlineSeconds: lifetimeSeconds,
      containers: [
        {
          name: agentContainer,
          image,
          imagePullPolicy: 'IfNotPresent',
          args: ['serve', role === 'target' ? 'target' : 'source', migration, String(deadlineFactor())],
          securityContext: { privileged: true },
          volumeMounts: [{ name: 'proc', mountPath: '/host/proc' }],
        },
      ],
      volumes: [{ name: 'proc', hostPath: { path: '/proc', type: 'Directory' } }],
      ...spec,
    },
  };
}
