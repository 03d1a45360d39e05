import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { waitFor } from '../../kube/wait.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { attempt } from '../attempt.ts';
import { isStandby } from '../is-standby.ts';
import type { Underway } from '../underway.ts';

/**
 * Takes away what was made at the peer, the last things first, and then what its node has of the migration. Nobody attends
 * either agent after that.
 *
 * @returns what is left
 * @throws TakenOver
 */
export async function removeStandby(underway: Underway): Promise<string[]> {
  const { move, made, source, target } = underway;
  const failures: string[] = [];
  const shadowPod = `${shadowPodsIn(move.twinNamespace)}/${move.pod.metadata.name}`;
  for (const one of made.objectsAt('peer')) {
    const removed = await attempt(one.what, async () => {
      await made.remove(one);
      if (one.path === shadowPod) await untilGone(underway);
    });
    failures.push(...removed);
  }
  if (made.isOnNode('target')) failures.push(...(await attempt(target.where(), async () => target.clean('given-up'))));
  source.agent?.close();
  target.agent?.close();
  return failures;
}

/** A later migration of the same pod would get the old pod's remains otherwise. */
async function untilGone({ clusters, move }: Underway): Promise<void> {
  const { name } = move.pod.metadata;
  if (!clusters.peer) return;
  await waitFor<Pod>(
    clusters.peer,
    {
      collection: podsIn(move.twinNamespace),
      name,
      what: `pod ${move.twinNamespace}/${name} to be gone`,
      deadlineMs: 60_000,
      isDone: (pod) => !isStandby(pod),
    },
    new AbortController().signal,
  );
}
