import { attempt } from '../attempt.ts';
import { TakenOver } from '../helpers/session.ts';
import type { Underway } from '../underway.ts';

/**
 * Has the target give up, and then the source run on, with nothing of the migration left on its node. As long as that is not certain
 * the target is needed: its word may be what lets the source run.
 *
 * @returns why the source does not run on
 * @throws TakenOver
 */
export async function letSourceRun({ move, made, source, target }: Underway): Promise<string[]> {
  // Whatever it answers: a dead one restores nothing any more either.
  const given = await target.agent?.call('target.abort', null, 20_000).catch((error: unknown) => {
    if (error instanceof TakenOver) throw error;
    return undefined;
  });
  if (given?.state === 'runs') return [`pod ${move.twinNamespace}/${move.pod.metadata.name} runs at ${move.peer.virtualNode}`];
  return made.isOnNode('source') ? await attempt(source.where(), async () => source.clean('given-up')) : [];
}
