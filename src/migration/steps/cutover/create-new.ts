import { isAlreadyExists, KubeError } from '../../../kube/errors.ts';
import { podsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import type { Pod } from '../../../kube/types.ts';
import { homePod } from '../../../liqo/home-pod.ts';
import { creation } from '../../write.ts';
import { creatorOf, isReplacement, type Cutover, type CutoverTask } from './task.ts';

/** How long a quota may take to notice that the old object is gone. */
const quotaPatienceMs = 10_000;

/** Makes the pod's object anew: the same name, now on the virtual node. */
export const createNew: CutoverTask = {
  name: 'create the new object',
  writes: ({ pod, peer }) => [creation('home', podsIn(pod.metadata.namespace ?? ''), homePod(pod, peer))],
  isDone: ({ current }, move) => isReplacement(current, move),
  run: async (cutover) => {
    const { policy } = cutover;
    await retry(async () => retry(async () => create(cutover), { ...policy, deadlineMs: quotaPatienceMs, canPass: isOfQuota }), policy);
  },
  undone: (_move, home) => `its old object is gone from cluster ${home.name}, and the new one could not be made`,
  byHand: (move, file) => {
    const create = `kubectl create --field-manager=${creatorOf(move)} -f`;
    return [file === undefined ? `${create} - # the pod as it was, with nodeName: ${move.peer.virtualNode}` : `${create} ${file}`];
  },
};

async function create({ move, home, pod }: Cutover): Promise<void> {
  const { name, namespace = '' } = pod.metadata;
  try {
    await home.create(podsIn(namespace), homePod(pod, move.peer), undefined, { fieldManager: creatorOf(move) });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    // A creation that got no answer may have been carried out: then its second try finds what the first one made.
    const found = await home.get<Pod>(`${podsIn(namespace)}/${name}`);
    if (!isReplacement(found, move)) throw new Error(`there is another pod of that name now (UID ${found.metadata.uid})`, { cause: error });
  }
}

/** A quota gets back what the old object took a moment after that is gone. */
function isOfQuota(error: unknown): boolean {
  return error instanceof KubeError && error.code === 403 && error.message.includes('quota');
}
