import { isDeepStrictEqual } from 'node:util';
import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Pod } from '../kube/types.ts';

/**
 * Looks at the pod once more, just before it is frozen: what the plan was made for must still be what runs. A pod that
 * is being deleted has a signal pending, which would be dumped with it and reach it at the peer.
 *
 * @returns the pod as it is now
 * @throws MigrateError (failed) telling what has changed
 */
export async function requireNoDrift(home: KubeConnection, planned: Pod, signal: AbortSignal): Promise<Pod> {
  const { namespace, name } = planned.metadata;
  const pod = await home.get<Pod>(`/api/v1/namespaces/${namespace}/pods/${name}`, signal).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    return undefined;
  });
  const change = driftOf(planned, pod);
  if (pod && change === undefined) return pod;
  throw new MigrateError('failed', `pod ${namespace}/${name} in cluster ${home.name} ${change} while its move was prepared`);
}

/** What has become of a pod, as the end of a sentence about it; undefined when it can move as planned. Pure. */
export function driftOf(planned: Pod, pod: Pod | undefined): string | undefined {
  if (!pod || pod.metadata.uid !== planned.metadata.uid) return 'was deleted';
  if (pod.metadata.deletionTimestamp !== undefined) return 'began to be deleted';
  const restarted = (planned.status?.containerStatuses ?? []).find(
    (before) => pod.status?.containerStatuses?.find(({ name }) => name === before.name)?.containerID !== before.containerID,
  );
  if (restarted) return `restarted its container ${restarted.name}`;
  const fields = [...new Set([...Object.keys(planned.spec), ...Object.keys(pod.spec)])];
  const changed = fields.filter((field) => !isDeepStrictEqual(planned.spec[field], pod.spec[field]));
  return changed.length > 0 ? `was given another specification (${changed.join(', ')})` : undefined;
}
