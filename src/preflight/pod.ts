import type { Container, Pod, Volume } from '../kube/types.ts';
import type { Reason } from '../migration/contract.ts';
import { lossesOf } from './losses.ts';

/** What becomes of a pod's parts: carried, lost (and said so), or in the way of a migration. */
export interface Assessment {
  readonly carries: readonly string[];
  readonly loses: readonly string[];
  readonly blocks: readonly Reason[];
}

/** Volumes whose content is not in the cluster's objects and travels with the pod. */
export function isCarried(volume: Volume): boolean {
  return volume.emptyDir !== undefined && !volume.emptyDir.medium?.startsWith('HugePages');
}

/** Volumes that the peer's kubelet makes from objects that Liqo reflects. */
export function isReflected(volume: Volume): boolean {
  return ['configMap', 'secret', 'projected', 'downwardAPI'].some((kind) => volume[kind] !== undefined);
}

/** Judges a pod by its object alone. Pure; nothing is silently dropped: what is not carried is lost or blocks. */
export function assessPod(pod: Pod): Assessment {
  const carries = ['memory and processes', 'changed files of the root file systems', '/dev/shm', 'connections inside the pod'];
  for (const volume of pod.spec.volumes ?? []) {
    if (isCarried(volume)) carries.push(`emptyDir ${volume.name}${volume.emptyDir?.medium === 'Memory' ? ' (in memory)' : ''}`);
  }
  if ((pod.spec.initContainers ?? []).length > 0) carries.push('the work of the init containers: they do not run again');
  return {
    carries,
    loses: lossesOf(pod),
    blocks: [...objectBlocks(pod), ...specBlocks(pod), ...volumeBlocks(pod), ...containerBlocks(pod)],
  };
}

function objectBlocks({ metadata, status }: Pod): Reason[] {
  const owner = metadata.ownerReferences?.[0];
  const running = (status?.containerStatuses ?? []).every(({ state }) => state?.running) && (status?.containerStatuses ?? []).length > 0;
  return [
    when(metadata.deletionTimestamp !== undefined, 'it is being deleted'),
    when(status?.phase !== 'Running' || !running, `it does not run (${status?.phase ?? 'no phase'})`, 'wait until all its containers run'),
    when(
      owner !== undefined,
      `it belongs to ${owner?.kind} ${owner?.name}, which would make another one`,
      'only pods without an owner can be moved so far',
    ),
    when(
      (metadata.finalizers ?? []).length > 0,
      `it has finalizers (${metadata.finalizers?.join(', ')}), so its object cannot be replaced`,
    ),
  ].flat();
}

function specBlocks({ spec }: Pod): Reason[] {
  return [
    when(spec.hostNetwork === true, 'it uses the network of its node (hostNetwork)'),
    when(spec.hostPID === true, 'it sees the processes of its node (hostPID)'),
    when(spec.hostIPC === true, 'it shares memory with its node (hostIPC)'),
    when((spec['os'] as { name?: string } | undefined)?.name === 'windows', 'it is a Windows pod'),
    when(
      Boolean(spec.runtimeClassName),
      `it asks for runtime class ${spec.runtimeClassName}`,
      "only the nodes' ordinary runtime is supported so far",
    ),
    when(spec.hostUsers === false, 'it has a user namespace (hostUsers: false), which CRIU cannot restore under Kubernetes'),
    when(
      spec.shareProcessNamespace === true && spec.containers.length > 1,
      'its containers share one process namespace',
      'set shareProcessNamespace to false',
    ),
    when((spec.ephemeralContainers ?? []).length > 0, 'it has ephemeral containers, which cannot be made again', 'debug it after the move'),
    when((spec.resourceClaims ?? []).length > 0, 'it claims devices (resourceClaims), whose state cannot be carried'),
    when(
      (spec.initContainers ?? []).some(({ restartPolicy }) => restartPolicy === 'Always'),
      'it has sidecars (init containers with restartPolicy Always)',
      'make them ordinary containers',
    ),
  ].flat();
}

function volumeBlocks({ spec }: Pod): Reason[] {
  const identities = (spec.volumes ?? []).flatMap(({ name, projected }) =>
    (projected?.sources ?? []).flatMap((source) =>
      ['clusterTrustBundle', 'podCertificate'].filter((kind) => source[kind] !== undefined).map((kind) => ({ name, kind })),
    ),
  );
  return [
    ...identities.map(({ name, kind }) => ({ reason: `volume ${name} has a ${kind}, and the peer's would be another one` })),
    ...contentBlocks(spec),
  ];
}

function contentBlocks(spec: Pod['spec']): Reason[] {
  return (spec.volumes ?? [])
    .filter((volume) => !isCarried(volume) && !isReflected(volume))
    .map((volume) => {
      const medium = volume.emptyDir ? ` (medium ${volume.emptyDir.medium})` : '';
      const kind = `${Object.keys(volume).find((key) => key !== 'name') ?? 'unknown'}${medium}`;
      return {
        reason: `volume ${volume.name} is of kind ${kind}, whose content cannot be carried`,
        hint: 'emptyDir, ConfigMap, Secret, projected and downward API volumes can',
      };
    });
}

function containerBlocks({ spec }: Pod): Reason[] {
  return spec.containers.flatMap((container: Container) =>
    [
      when(container.lifecycle?.postStart !== undefined, `container ${container.name} has a postStart hook, which would run a second time`),
      when((container.volumeDevices ?? []).length > 0, `container ${container.name} uses a block device`),
      when(container.securityContext?.privileged === true, `container ${container.name} is privileged: it can hold anything of its node`),
      when(
        container.securityContext?.['procMount'] === 'Unmasked',
        `container ${container.name} has an unmasked /proc (procMount), which needs a user namespace`,
      ),
      ...impatience(container),
      when(
        (container.volumeMounts ?? []).some(({ mountPropagation }) => mountPropagation !== undefined && mountPropagation !== 'None'),
        `container ${container.name} shares mounts with its node (mountPropagation)`,
      ),
      when(
        Object.keys(container.resources?.limits ?? {}).some((name) => name.includes('/') || name.startsWith('hugepages-')),
        `container ${container.name} uses devices or huge pages (${Object.keys(container.resources?.limits ?? {}).join(', ')})`,
      ),
    ].flat(),
  );
}

/** A kubelet restarts a container that does not answer for so long, and a frozen one does not. */
const leastPatienceSeconds = 5;

function impatience({ name, livenessProbe }: Container): Reason[][] {
  if (!livenessProbe || livenessProbe.exec !== undefined) return []; // an exec probe fails to run in a frozen container, which does not count
  const { periodSeconds = 10, failureThreshold = 3 } = livenessProbe;
  const patience = periodSeconds * failureThreshold;
  const reason = `container ${name} is restarted when it does not answer its liveness probe for ${patience} s, and it stands still while it is moved`;
  return [
    when(patience < leastPatienceSeconds, reason, `give the probe a periodSeconds x failureThreshold of ${leastPatienceSeconds} s or more`),
  ];
}

function when(is: boolean, reason: string, hint?: string): Reason[] {
  return is ? [hint === undefined ? { reason } : { reason, hint }] : [];
}
