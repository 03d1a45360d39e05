import { isNotFound } from '../../kube/errors.ts';
import { waitFor } from '../../kube/wait.ts';
import type { Pod } from '../../kube/types.ts';
import { homePod } from '../../liqo/home-pod.ts';
import { adoptionPatch } from '../../liqo/standby.ts';
import type { Standby } from './standby.ts';

/** How long the virtual kubelet may take to tell the home cluster what it has adopted. */
const adoptionDeadlineMs = 60_000;

/**
 * Makes the home cluster's object follow the processes: the same name, now on the virtual node. Takes no signal: the
 * pod runs at the peer already, and stopping here would leave it without its object.
 */
export async function cutover(standby: Standby, say: (message: string) => void): Promise<{ notes: string[] }> {
  const { home, remote, source, plan, shadowPod } = standby;
  const { pod, peer } = plan;
  const collection = `/api/v1/namespaces/${pod.metadata.namespace}/pods`;
  const path = `${collection}/${pod.metadata.name}`;
  const notes: string[] = [];

  say('replacing the pod object');
  await home.delete(path, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  // Only now: a kubelet starts the containers of a pod that is not being deleted anew.
  const killed = source.call('source.kill', null, 20_000).catch((error: unknown) => {
    notes.push(`the frozen processes of the source are left to its kubelet: ${(error as Error).message}`);
  });
  await home.create(collection, homePod(pod, peer));
  await remote.patch(shadowPod, adoptionPatch(pod, peer), 'merge');
  await killed;

  say('waiting until the home cluster sees it run');
  await waitFor<Pod>(
    home,
    {
      collection,
      name: pod.metadata.name,
      what: `pod ${pod.metadata.namespace}/${pod.metadata.name} to be seen running on ${peer.virtualNode}`,
      deadlineMs: adoptionDeadlineMs,
      isDone: (seen) => {
        const statuses = seen?.status?.containerStatuses ?? [];
        return seen?.status?.phase === 'Running' && statuses.length > 0 && statuses.every(({ state }) => state?.running);
      },
      describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
    },
    new AbortController().signal,
  );
  return { notes };
}
