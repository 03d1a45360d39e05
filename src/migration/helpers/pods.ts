import type { Container, Pod } from '../../kube/types.ts';
import {
  apiServerSupportAnnotation,
  drainedAnnotation,
  managedByLabel,
  managedByValue,
  migrationLabel,
  movedPodAnnotation,
  movedContainersAnnotation,
  movedPodUidAnnotation,
  recordAnnotation,
} from '../../liqo/names.ts';
import { deadlineFactor, scaled } from '../../deadlines.ts';
import type { Move } from '../plan.ts';
import { markOf, recordOf } from '../record.ts';
import { helperPlacement } from './placement.ts';
import { imageAtPeer, type Pins } from './images.ts';

/** A helper ends by itself after this time, whatever becomes of the CLI: longer than the files of any pod take to go over. */
const lifetimeSeconds = 24 * 3600;

/**
 * Liqo cannot tell home of a pod whose class of service is another one at the peer (`status.qosClass: field is immutable`), and
 * that is what a LimitRange there makes of a pod that asks for nothing.
 */
const requests = { cpu: '10m', memory: '16Mi' } as const;

export const agentContainer = 'agent';
export const agentCommand = ['/agent/bin/node', '--disable-sigusr1', '/agent/agent.mjs'] as const;

/** Which end a helper works at: `source`, `target`, or `rescue` for one that takes the place of another. */
export const roleLabel = 'kubectl-migrate/role';

/**
 * The agent on the pod's own node. CRIU must see the processes under the numbers that the node knows, hence hostPID.
 *
 * It carries the mark of the move's record: who finishes the migration in our place gets that from the node, and must
 * know that it is the one that we gave it.
 */
export function sourceHelper(move: Move & { readonly sourceNode: string }, role: 'source' | 'rescue' = 'source'): Pod {
  const pod = helper(move, role, { nodeName: move.sourceNode, hostPID: true, tolerations: [{ operator: 'Exists' }] });
  const drained = move.quiesce ? { [drainedAnnotation]: move.quiesce.endpoints } : {};
  pod.metadata.annotations = { ...pod.metadata.annotations, [recordAnnotation]: markOf(recordOf(move)), ...drained };
  return pod;
}

function idsOf({ status }: Pod): string {
  return (status?.containerStatuses ?? []).map(({ name, containerID }) => `${name}=${containerID ?? ''}`).join(',');
}

/**
 * The pod as it was when that helper was made, as far as its containers go: after a restart of its node other ones stand under its
 * name, whose memory is another.
 */
export function withMovedContainers(pod: Pod, helper: Pod): Pod {
  const ids = new Map(
    helper.metadata.annotations?.[movedContainersAnnotation]?.split(',').map((one) => one.split('=') as [string, string]),
  );
  const containerStatuses = pod.status?.containerStatuses?.map((one) => {
    const id = ids.get(one.name);
    return id === undefined ? one : { ...one, containerID: id };
  });
  return containerStatuses === undefined ? pod : { ...pod, status: { ...pod.status, containerStatuses } };
}

/** Does one thing on a certain node of the peer, and ends by itself. @param args of the agent's program */
export function oneShotHelper(move: Move, node: string, args: readonly string[]): Pod {
  const pod = helper(move, 'rescue', { nodeName: node, tolerations: [{ operator: 'Exists' }] });
  return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map((container) => ({ ...container, args: [...args] })) } };
}

/**
 * The agent at the peer: an ordinary pod on the virtual node. Its other containers run the pod's own images with a
 * program that does nothing, so every image is on that node, pulled with the pod's own secrets, before anything freezes.
 * Without Liqo's API-server support it gets no variables of the home cluster, which it has no use for.
 *
 * No init container: the kubelet notices the end of one only once a second (PLEG), and starts the containers of a pod in
 * a row. It starts none before the hook of the one before has ended, so the program is there when the first image needs it.
 */
export function targetHelper(move: Move, pins: Pins): Pod {
  const { spec } = move.pod;
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
  const placement = helperPlacement(move.pod, move.peer);
  const pod = helper(move, 'target', {
    nodeName: move.peer.virtualNode,
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

function helper({ id, pod, agentImage }: Move, role: 'source' | 'target' | 'rescue', spec: Partial<Pod['spec']>): Pod {
  const { name, namespace, uid } = pod.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `kubectl-migrate-${id}-${role}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [managedByLabel]: managedByValue, [migrationLabel]: id, [roleLabel]: role },
      annotations: { [movedPodAnnotation]: name, [movedPodUidAnnotation]: uid ?? '', [movedContainersAnnotation]: idsOf(pod) },
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 30,
      activeDeadlineSeconds: Math.ceil(scaled(lifetimeSeconds)),
      containers: [
        {
          name: agentContainer,
          image: agentImage,
          imagePullPolicy: 'IfNotPresent',
          args: ['serve', role === 'target' ? 'target' : 'source', id, String(deadlineFactor())],
          securityContext: { privileged: true },
          resources: { requests },
          volumeMounts: [{ name: 'proc', mountPath: '/host/proc' }],
        },
      ],
      volumes: [{ name: 'proc', hostPath: { path: '/proc', type: 'Directory' } }],
      ...spec,
    },
  };
}
