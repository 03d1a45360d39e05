import type { Container, Pod } from '../kube/types.ts';
import { isCarried, isReflected } from './carried.ts';
import { finding, when, type Finding, type Subject } from './finding.ts';
import { lossesOf } from './losses.ts';
import { ownerFindings } from './owner.ts';
import { runtimeFindings } from './runtime.ts';
import { scalingFindings } from './scaling.ts';

/** Judges a pod by its object alone. Pure; nothing is silently dropped: what is not carried (carried.ts) is lost or blocks. */
export function podFindings(pod: Pod): Finding[] {
  return [
    ...objectFindings(pod),
    ...ownerFindings(pod),
    ...scalingFindings(pod),
    ...specFindings(pod),
    ...runtimeFindings(pod),
    ...volumeFindings(pod),
    ...pod.spec.containers.flatMap(containerFindings),
    ...[...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(networkFindings),
    ...lossesOf(pod),
  ];
}

function subjectOf({ metadata }: Pod): Subject {
  return { kind: 'pod', name: metadata.name };
}

function objectFindings(pod: Pod): Finding[] {
  const { metadata, status } = pod;
  const on = subjectOf(pod);
  const statuses = status?.containerStatuses ?? [];
  const isRunning = status?.phase === 'Running' && statuses.length > 0 && statuses.every(({ state }) => state?.running);
  return [
    ...when(metadata.deletionTimestamp !== undefined, 'KM-DELETED', on, 'it is being deleted'),
    ...when(!isRunning, 'KM-NOT-RUNNING', on, `it does not run (${status?.phase ?? 'no phase'})`, 'wait until all its containers run'),
  ];
}

function specFindings(pod: Pod): Finding[] {
  const { spec } = pod;
  const on = subjectOf(pod);
  const isWindows = (spec['os'] as { name?: string } | undefined)?.name === 'windows';
  const isShared = spec.shareProcessNamespace === true && spec.containers.length > 1;
  return [
    ...when(spec.hostNetwork === true, 'KM-HOST-NAMESPACE', on, 'it uses the network of its node (hostNetwork)'),
    ...when(spec.hostPID === true, 'KM-HOST-NAMESPACE', on, 'it sees the processes of its node (hostPID)'),
    ...when(spec.hostIPC === true, 'KM-HOST-NAMESPACE', on, 'it shares memory with its node (hostIPC)'),
    ...when(isWindows, 'KM-WINDOWS', on, 'it is a Windows pod'),
    ...when(
      spec.hostUsers === false,
      'KM-USER-NAMESPACE',
      on,
      'it has a user namespace (hostUsers: false), which CRIU cannot restore under Kubernetes',
    ),
    ...when(isShared, 'KM-SHARED-PROCESSES', on, 'its containers share one process namespace', 'set shareProcessNamespace to false'),
    ...when(
      (spec.ephemeralContainers ?? []).length > 0,
      'KM-EPHEMERAL-CONTAINERS',
      on,
      'it has ephemeral containers, which cannot be made again',
      'debug it after the move',
    ),
    ...when((spec.resourceClaims ?? []).length > 0, 'KM-DEVICE', on, 'it claims devices (resourceClaims), whose state cannot be carried'),
    ...when(
      (spec.initContainers ?? []).some(({ restartPolicy }) => restartPolicy === 'Always'),
      'KM-SIDECAR',
      on,
      'it has sidecars (init containers with restartPolicy Always)',
      'make them ordinary containers',
    ),
  ];
}

function volumeFindings({ spec }: Pod): Finding[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    const { name, projected } = volume;
    const on = { kind: 'volume', name } as const;
    if (isCarried(volume)) return [];
    if (isReflected(volume)) {
      const sources = projected?.sources ?? [];
      const identities = sources.flatMap((source) => ['clusterTrustBundle', 'podCertificate'].filter((kind) => source[kind] !== undefined));
      return identities.map((kind) =>
        finding('KM-CLUSTER-IDENTITY', on, `volume ${name} has a ${kind}, and the peer's would be another one`),
      );
    }
    const medium = volume.emptyDir ? ` (medium ${volume.emptyDir.medium})` : '';
    const kind = `${Object.keys(volume).find((key) => key !== 'name') ?? 'unknown'}${medium}`;
    const remedy = 'emptyDir, ConfigMap, Secret, projected and downward API volumes can';
    return [finding('KM-VOLUME', on, `volume ${name} is of kind ${kind}, whose content cannot be carried`, remedy)];
  });
}

function containerFindings(container: Container): Finding[] {
  const { name, lifecycle, volumeDevices, volumeMounts, securityContext, resources } = container;
  const on = { kind: 'container', name } as const;
  const limits = Object.keys(resources?.limits ?? {});
  const isPropagating = (volumeMounts ?? []).some(({ mountPropagation = 'None' }) => mountPropagation !== 'None');
  return [
    ...when(
      lifecycle?.postStart !== undefined,
      'KM-POST-START',
      on,
      `container ${name} has a postStart hook, which would run a second time`,
    ),
    ...when((volumeDevices ?? []).length > 0, 'KM-DEVICE', on, `container ${name} uses a block device`),
    ...when(securityContext?.privileged === true, 'KM-PRIVILEGED', on, `container ${name} is privileged: it can hold anything of its node`),
    ...when(
      securityContext?.['procMount'] === 'Unmasked',
      'KM-PROC-MOUNT',
      on,
      `container ${name} has an unmasked /proc (procMount), which needs a user namespace`,
    ),
    ...when(isPropagating, 'KM-MOUNT-PROPAGATION', on, `container ${name} shares mounts with its node (mountPropagation)`),
    ...when(
      limits.some((limit) => limit.includes('/') || limit.startsWith('hugepages-')),
      'KM-DEVICE',
      on,
      `container ${name} uses devices or huge pages (${limits.join(', ')})`,
    ),
  ];
}

/**
 * Rules, routes, addresses and interfaces are the network namespace's, which is new at the peer; an init container's work in it
 * is not done again there. A filter that is gone lets everything pass, so what could have made one is in the way.
 */
function networkFindings({ name, securityContext }: Container): Finding[] {
  const { add = [] } = (securityContext?.['capabilities'] ?? {}) as { add?: readonly string[] };
  const capability = add.find((one) => /^(CAP_)?(NET_ADMIN|SYS_ADMIN|ALL)$/i.test(one));
  const by = securityContext?.privileged === true ? 'privileged' : capability;
  return when(
    by !== undefined,
    'KM-NETWORK-RULES',
    { kind: 'container', name },
    `container ${name} may have changed the pod's network (${by}): rules, routes and interfaces that it made would be gone`,
  );
}
