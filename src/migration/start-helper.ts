import type { KubeConnection } from '../kube/connection.ts';
import { isNotFound } from '../kube/errors.ts';
import { retry } from '../kube/retry.ts';
import type { Pod } from '../kube/types.ts';
import { untilHelperRuns } from './agent-session.ts';
import type { UndoList } from './undo.ts';

/** @throws MigrateError naming the container and its reason when it is plain that the helper will never run */
export async function startHelper(home: KubeConnection, pod: Pod, undo: UndoList, signal: AbortSignal): Promise<Pod> {
  const collection = `/api/v1/namespaces/${pod.metadata.namespace}/pods`;
  undo.add(`helper pod ${pod.metadata.name}`, async () => removePod(home, `${collection}/${pod.metadata.name}`));
  await home.create(collection, pod, signal);
  return await untilHelperRuns(home, pod, signal);
}

/** Deletes a helper, at once: its agent has cleaned up by now, or is dead. */
export async function removePod(connection: KubeConnection, path: string): Promise<void> {
  const remove = async (): Promise<void> => {
    await connection.delete(path, { gracePeriodSeconds: 1 }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };
  await retry(remove, { deadlineMs: 30_000 });
}
