import type { KubeConnection } from '../kube/connection.ts';
import { isAlreadyExists, isPassing, KubeError } from '../kube/errors.ts';
import type { Pod } from '../kube/types.ts';

/**
 * Asks the cluster whether it would take a pod of that name, without making it: admission comes before the look for one
 * of the same name, so the answer for an acceptable pod is that there is one already.
 *
 * @returns the cluster's words when it would refuse; undefined when it would not, or cannot be asked like this
 */
export async function refusalOf(home: KubeConnection, pod: Pod, signal: AbortSignal): Promise<string | undefined> {
  try {
    await home.create(`/api/v1/namespaces/${pod.metadata.namespace}/pods`, pod, signal, { dryRun: 'All' });
    return undefined;
  } catch (error) {
    if (isAlreadyExists(error)) return undefined;
    if (!(error instanceof KubeError) || isPassing(error)) throw error;
    // The old object and the helpers still count for a quota; a webhook may not know how to only try.
    return /exceeded quota|dry.?run/i.test(error.message) ? undefined : error.message;
  }
}
