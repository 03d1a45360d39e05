import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import type { Ground } from '../underway.ts';
import { untilHelperRuns } from './wait.ts';

/** A helper's agent has cleaned up when it is deleted, or is dead. */
export const helperGraceSeconds = 1;

/** @throws MigrateError naming the container and its reason when it is plain that the helper will never run */
export async function startHelper({ clusters, made }: Ground, pod: Pod, signal: AbortSignal): Promise<Pod> {
  const { name, namespace = '' } = pod.metadata;
  const collection = podsIn(namespace);
  const about = { at: 'home', collection, what: `helper pod ${name}`, gracePeriodSeconds: helperGraceSeconds } as const;
  const created = await made.create<Pod>(pod, about, signal);
  return await untilHelperRuns(clusters.home, created, signal);
}
