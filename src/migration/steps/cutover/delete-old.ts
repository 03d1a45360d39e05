import { unlessNotFound, unlessOther } from '../../../kube/errors.ts';
import { podsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import { type CutoverTask } from './task.ts';

/** Takes the pod's old object away, by its UID: one of the same name that somebody made since is not meant. */
export const deleteOld: CutoverTask = {
  name: 'delete the old object',
  isDone: ({ current }, { pod }) => current?.metadata.uid !== pod.metadata.uid,
  run: async ({ move, home, policy }) => {
    const { name, namespace = '', uid } = move.pod.metadata;
    const options = { gracePeriodSeconds: 0, preconditions: { uid } };
    await retry(
      async () =>
        home
          .delete(`${podsIn(namespace)}/${name}`, options)
          .catch(unlessNotFound)
          .catch(unlessOther),
      policy,
    );
  },
  undone: ({ sourceNode }, home) =>
    `its old object is still in cluster ${home.name}, and its old processes stay frozen on node ${sourceNode}`,
  byHand: ({ pod }) => {
    const { name, namespace = '', uid } = pod.metadata;
    const options = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid } });
    return [`kubectl delete --raw ${podsIn(namespace)}/${name} -f - <<< '${options}'`];
  },
};
