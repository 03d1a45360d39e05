import type { Container, Pod, Volume } from '../kube/types.ts';
import type { Reason } from './contract.ts';

/** What becomes of a pod's parts: carried, lost (and said so), or in the way of a migration. */
export interface Verdict {
  readonly carries: readonly string[];
  readonly loses: readonly string[];
  readonly blocks: readonly Reason[];
}

/** Volumes whose content is not in the cluster's objects and travels with the pod. */
export function isCarried(volume: Volume): boolean {
  return volume.emptyDir !== undefined;
}

/** Volumes that the peer's kubelet makes from objects that Liqo reflects. */
export function isReflected(volume: Volume): boolean {
  return ['configMap', 'secret', 'projected', 'downwardAPI'].some((kind) => volume[kind] !== undefined);
}

/** Judges a pod by its object alone. Pure; nothing is silently dropped: what is not carried is lost or blocks. */
export function judgePod(pod: Pod): Verdict {
  const carries = ['memory and processes', 'changed files of the root file systems', '/dev/shm', 'connections inside the pod'];
  const loses = ['connections to the outside: their peers get a reset'];
  for (const volume of pod.spec.volumes ?? []) {
    if (isCarried(volume)) carries.push(`emptyDir ${volume.name}${volume.emptyDir?.medium === 'Memory' ? ' (in memory)' : ''}`);
  }
  if ((pod.spec.initContainers ?? []).length > 0) carries.push('the work of the init containers: they do not run again');
  return { carries, loses, blocks: [...objectBlocks(pod), ...specBlocks(pod), ...volumeBlocks(pod), ...containerBlocks(pod)] };
}

function objectBlocks({ metadata, status }: Pod): Reason[] {
  const owner = metadata.ownerReferences?.[0];
  const running = (status?.containerStatuses ?? []).every(({ state }) => state?.running) && (status?.containerStatuses ?? []).length > 0;
  return [
    when(metadata.deletionTimestamp !== undefined, 'it is being deleted'),
    when(status?.phase !== 'Running' || !running, `it does not run (${status?.phase ?? 'no phase'})`, 'wait until all its containers run'),
    when(owner !== undefined, `it belongs to ${owner?.kind} ${owner?.name}, which would make another one`, 'only pods without an owner can be moved so far'),
    when((metadata.finalizers ?? []).length > 0, `it has finalizers (${metadata.finalizers?.join(', ')}), so its object cannot be replaced`),
  ].flat();
}

function specBlocks({ spec }: Pod): Reason[] {
  return [
    when(spec.hostNetwork === true, 'it uses the network of its node (hostNetwork)'),
    when(spec.hostPID === true, 'it sees the processes of its node (hostPID)'),
    when(spec.hostIPC === true, 'it shares memory with its node (hostIPC)'),
    when(spec.hostUsers === false, 'it has a user namespace (hostUsers: false), which CRIU cannot restore under Kubernetes'),
    when(spec.shareProcessNamespace === true && spec.containers.length > 1, 'its containers share one process namespace', 'set shareProcessNamespace to false'),
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
  return (spec.volumes ?? [])
    .filter((volume) => !isCarried(volume) && !isReflected(volume))
    .map((volume) => {
      const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
      return { reason: `volume ${volume.name} is of kind ${kind}, whose content cannot be carried`, hint: 'emptyDir, ConfigMap, Secret, projected and downward API volumes can' };
    });
}

function containerBlocks({ spec }: Pod): Reason[] {
  return spec.containers.flatMap((container: Container) =>
    [
      when(container.lifecycle?.postStart !== undefined, `container ${container.name} has a postStart hook, which would run a second time`),
      when((container.volumeDevices ?? []).length > 0, `container ${container.name} uses a block device`),
      when(container.securityContext?.privileged === true, `container ${container.name} is privileged: it can hold anything of its node`),
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

function when(is: boolean, reason: string, hint?: string): Reason[] {
  return is ? [hint === undefined ? { reason } : { reason, hint }] : [];
}
