import { unlessNotFound, unlessOther } from '../../../kube/errors.ts';
import { podsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import type { Pod } from '../../../kube/types.ts';
import { sourceText } from '../../plan.ts';
import type { CutoverTask } from './task.ts';

/** Takes the pod's old object away, by its UID: one of the same name that somebody made since is not meant. */
export const deleteOld: CutoverTask = {
  name: 'delete the old object',
  writes: ({ pod }) => [{ verb: 'delete', at: 'home', path: pathOf(pod), body: optionsOf(pod) }],
  isDone: ({ current }, { pod }) => current?.metadata.uid !== pod.metadata.uid,
  run: async ({ move, home, policy }) => {
    await retry(async () => home.delete(pathOf(move.pod), optionsOf(move.pod)).catch(unlessNotFound).catch(unlessOther), policy);
  },
  undone: (move, home) => `its old object is still in cluster ${home.name}, and its old processes stay frozen on ${sourceText(move)}`,
  byHand: ({ pod }) => {
    const options = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', ...optionsOf(pod) });
    return [`kubectl delete --raw ${pathOf(pod)} -f - <<< '${options}'`];
  },
};

function pathOf({ metadata }: Pod): string {
  return `${podsIn(metadata.namespace ?? '')}/${metadata.name}`;
}

function optionsOf({ metadata: { uid } }: Pod): { gracePeriodSeconds: number; preconditions: { uid: string | undefined } } {
  return { gracePeriodSeconds: 0, preconditions: { uid } };
}
