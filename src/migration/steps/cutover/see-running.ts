import { unlessNotFound, unlessOther } from '../../../kube/errors.ts';
import { podsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import type { ContainerStatus, Pod } from '../../../kube/types.ts';
import { waitFor } from '../../../kube/wait.ts';
import { isReplacement, requireReplacement, virtualKubeletMs, type Cutover, type CutoverTask } from './task.ts';

/** The reasons for a container that never ran (containerd's StartError; ContainerCannotRun of kuberuntime_container.go). */
const neverStarted = new Set(['StartError', 'ContainerCannotRun']);

/** Waits until the home cluster sees the pod run, or has its deletion go on that was under way while it was moved. */
export const seeRunning: CutoverTask = {
  name: 'see it run',
  writes: () => [],
  isDone: ({ current }, move) => isReplacement(current, move) && isRunning(current),
  run: async (cutover) => {
    await cutover.killed;
    const { move, home, notes, say, policy, seen, isGoing } = cutover;
    const { name, namespace = '' } = move.pod.metadata;
    if (isGoing) {
      const path = `${podsIn(namespace)}/${name}`;
      const gracePeriodSeconds = seen.current?.metadata.deletionGracePeriodSeconds ?? 0;
      const current = await retry(async () => home.get<Pod>(path).catch(unlessNotFound), policy);
      // Its owner may have made another one by then, which is not meant.
      const options = { gracePeriodSeconds, preconditions: { uid: current?.metadata.uid } };
      if (isReplacement(current, move))
        await retry(async () => home.delete(path, options).catch(unlessNotFound).catch(unlessOther), policy);
      notes.push('the pod was deleted while it was moved: its deletion goes on at the peer');
      return;
    }
    say('waiting until the home cluster sees it run');
    notes.push(...(await untilRunning(cutover)));
  },
  undone: (_move, home) => `cluster ${home.name} does not see it run yet`,
  byHand: ({ pod }) => [
    `kubectl -n ${pod.metadata.namespace} wait --for=condition=Ready pod/${pod.metadata.name} --timeout=${virtualKubeletMs / 1000}s`,
  ],
};

/**
 * @returns what does not run from the memory that was moved: what ended after the commit, its kubelet has started afresh, as it does
 *   with every container
 * @throws Error when somebody takes the new object away meanwhile, or puts another one in its place
 */
async function untilRunning({ home, move }: Cutover): Promise<string[]> {
  const { namespace = '', name } = move.pod.metadata;
  const seen = await waitFor<Pod>(
    home,
    {
      collection: podsIn(namespace),
      name,
      what: `pod ${namespace}/${name} to be seen running on ${move.peer.virtualNode}`,
      deadlineMs: virtualKubeletMs,
      isDone: (pod) => {
        requireReplacement(pod, move);
        return isRunning(pod);
      },
      describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
    },
    new AbortController().signal,
  );
  const afresh = (seen?.status?.containerStatuses ?? []).filter(hasRunBefore);
  return afresh.map((one) => `container ${one.name} ended at ${move.peer.virtualNode} after it was moved, and was started afresh there`);
}

/** A container whose start failed, as one does that was asked for twice before the commit, has never run; its kubelet counts it all the same. */
function hasRunBefore({ lastState }: ContainerStatus): boolean {
  return lastState?.terminated !== undefined && !neverStarted.has(lastState.terminated.reason ?? '');
}

function isRunning(pod: Pod | undefined): boolean {
  const statuses = pod?.status?.containerStatuses ?? [];
  return pod?.status?.phase === 'Running' && statuses.length > 0 && statuses.every(({ state }) => state?.running);
}
