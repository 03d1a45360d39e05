import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import type { Underway } from '../underway.ts';
import { untilHelperRuns } from './wait.ts';

/** A helper's agent has cleaned up when it is deleted, or is dead. */
export const helperGraceSeconds = 1;

/** @throws MigrateError naming the container and its reason when it is plain that the helper will never run */
export async function startHelper({ home, made }: Pick<Underway, 'home' | 'made'>, pod: Pod, signal: AbortSignal): Promise<Pod> {
  const { name, namespace = '' } = pod.metadata;
  const options = { what: `helper pod ${name}`, gracePeriodSeconds: helperGraceSeconds };
  const created = await made.create<Pod>(home, podsIn(namespace), pod, options, signal);
  return await untilHelperRuns(home, created, signal);
}
