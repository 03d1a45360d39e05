import type { EnvVar, KubeObject, Pod, PodSpec } from '../kube/types.ts';
import { forgeAffinity } from './forge-affinity.ts';
import { forgeVolumes } from './forge-volumes.ts';
import {
  apiServerSupportAnnotation,
  destinationLabel,
  localPodLabel,
  nodeNameLabel,
  originLabel,
  remoteRuntimeClassAnnotation,
  remoteServiceAccountAnnotation,
  virtualNodeToleration,
} from './names.ts';
import type { Peer } from './peer.ts';

export interface ShadowPod extends KubeObject {
  spec: { pod: PodSpec };
  status?: { phase?: string };
}

/** Fields that the virtual kubelet copies as they are (Liqo: pkg/virtualKubelet/forge/pods.go, RemotePodSpec). */
const copied = [
  'activeDeadlineSeconds',
  'dnsConfig',
  'dnsPolicy',
  'enableServiceLinks',
  'hostname',
  'imagePullSecrets',
  'readinessGates',
  'restartPolicy',
  'securityContext',
  'setHostnameAsFQDN',
  'shareProcessNamespace',
  'subdomain',
  'terminationGracePeriodSeconds',
  'topologySpreadConstraints',
] as const;

/**
 * The ShadowPod that Liqo's virtual kubelet would make for a pod of the home cluster, field by field as its
 * `RemoteShadowPod` and the mutators around it do. A contract test compares both for a table of pods.
 *
 * @param pod as stored by the home API server
 */
export function forgeShadowPod(pod: Pod, peer: Peer, twinNamespace: string): ShadowPod {
  const annotations = without(pod.metadata.annotations, peer.offloadingPatch.annotationsNotReflected);
  const labels = without(pod.metadata.labels, [localPodLabel, ...(peer.offloadingPatch.labelsNotReflected ?? [])]);
  const reflection = { [originLabel]: peer.homeClusterId, [destinationLabel]: peer.clusterId, [nodeNameLabel]: peer.virtualNode };
  return {
    apiVersion: 'offloading.liqo.io/v1beta1',
    kind: 'ShadowPod',
    metadata: {
      name: pod.metadata.name,
      namespace: twinNamespace,
      labels: { ...labels, ...reflection },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: { pod: forgeSpec(pod, peer) },
  };
}

function forgeSpec(pod: Pod, peer: Peer): PodSpec {
  const { spec } = structuredClone(pod);
  const annotations = pod.metadata.annotations ?? {};
  const wish = annotations[apiServerSupportAnnotation];
  const support = wish === 'disabled' ? 'Disabled' : wish === 'remote' ? 'Remote' : peer.apiServerSupport;
  const patch = peer.offloadingPatch;
  const tolerations = [...(spec.tolerations ?? []).filter(({ key }) => key !== virtualNodeToleration.key), ...(patch.tolerations ?? [])];
  const serviceAccount = annotations[remoteServiceAccountAnnotation] ?? spec.serviceAccountName;
  const affinity = forgeAffinity(pod, peer);
  const runtimeClass = runtimeClassOf(pod, peer);
  const hostAliases = [
    ...(spec.hostAliases ?? []),
    ...(support === 'TokenAPI' && !peer.homeApiServer && peer.homeApiServerAddress
      ? [{ ip: peer.homeApiServerAddress, hostnames: ['kubernetes.default', 'kubernetes.default.svc'] }]
      : []),
  ];
  const containers = (list: PodSpec['containers']): PodSpec['containers'] =>
    support === 'TokenAPI' ? list.map((container) => ({ ...container, env: environment(container.env ?? [], spec, peer) })) : list;
  return {
    ...Object.fromEntries(copied.filter((field) => spec[field] !== undefined).map((field) => [field, spec[field]])),
    containers: containers(spec.containers),
    ...(spec.initContainers ? { initContainers: containers(spec.initContainers) } : {}),
    ...(spec.volumes ? { volumes: forgeVolumes(spec.volumes, pod.metadata.name, peer, support) } : {}),
    ...(tolerations.length > 0 ? { tolerations } : {}),
    ...(hostAliases.length > 0 ? { hostAliases } : {}),
    ...(patch.nodeSelector && Object.keys(patch.nodeSelector).length > 0 ? { nodeSelector: patch.nodeSelector } : {}),
    ...(affinity ? { affinity } : {}),
    ...(runtimeClass ? { runtimeClassName: runtimeClass } : {}),
    ...(support === 'Remote' && serviceAccount ? { serviceAccountName: serviceAccount } : {}),
    automountServiceAccountToken: support === 'Remote',
  };
}

/** Points a program at its home's API server instead of the peer's (RemoteContainerEnvVariablesAPIServerSupport). */
function environment(env: readonly EnvVar[], spec: PodSpec, peer: Peer): EnvVar[] {
  const { host, port } = peer.homeApiServer ?? { host: 'kubernetes.default', port: '443' };
  const url = `tcp://${host}:${port}`;
  const own = env.map((variable) =>
    variable.valueFrom?.fieldRef?.fieldPath === 'spec.serviceAccountName'
      ? { name: variable.name, value: spec.serviceAccountName || 'default' }
      : variable,
  );
  return [
    ...own,
    { name: 'KUBERNETES_SERVICE_HOST', value: host },
    { name: 'KUBERNETES_SERVICE_PORT', value: port },
    { name: 'KUBERNETES_PORT', value: url },
    { name: `KUBERNETES_PORT_${port}_TCP`, value: url },
    { name: `KUBERNETES_PORT_${port}_TCP_PROTO`, value: 'tcp' },
    { name: `KUBERNETES_PORT_${port}_TCP_ADDR`, value: host },
    { name: `KUBERNETES_PORT_${port}_TCP_PORT`, value: port },
  ];
}

function runtimeClassOf(pod: Pod, peer: Peer): string | undefined {
  const own = pod.spec.runtimeClassName;
  const wished = pod.metadata.annotations?.[remoteRuntimeClassAnnotation];
  const patched = peer.offloadingPatch.runtimeClassName;
  return wished || (own && own !== 'liqo' ? own : undefined) || (patched && patched !== 'liqo' ? patched : undefined);
}

function without(map: Readonly<Record<string, string>> | undefined, keys: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !keys.includes(key)));
}
