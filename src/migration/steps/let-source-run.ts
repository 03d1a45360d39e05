import type { SourceFact } from '../../protocol/settle.ts';
import { attempt } from '../attempt.ts';
import { replaceSource } from '../helpers/replace-source.ts';
import { TakenOver, type AgentSession } from '../helpers/session.ts';
import { podOnNode } from '../pod-on-node.ts';
import type { Underway } from '../underway.ts';

/**
 * Has the target give up, and then the source run on, with nothing of the migration left on its node. As long as that is not certain
 * the target is needed: its word may be what lets the source run.
 *
 * @returns why the source does not run on
 * @throws TakenOver
 */
export async function letSourceRun(underway: Underway): Promise<string[]> {
  const { move, target } = underway;
  // Whatever it answers: a dead one restores nothing any more either.
  const given = await target?.call('target.abort', null, 20_000).catch((error: unknown) => {
    if (error instanceof TakenOver) throw error;
    return undefined;
  });
  if (given?.state === 'runs') return [`pod ${move.twinNamespace}/${move.pod.metadata.name} runs at ${move.peer.virtualNode}`];
  return underway.made.isOnNode('source') ? await attempt(`node ${move.sourceNode}`, async () => cleanSource(underway)) : [];
}

async function cleanSource(underway: Underway): Promise<void> {
  const { source, move } = underway;
  try {
    if (!source) throw new Error('its agent is dead');
    await giveBack(await source.call('source.abort', null, 130_000), source);
  } catch (error) {
    if (error instanceof TakenOver || error instanceof HandedOver) throw error;
    const other = await replaceSource(underway);
    await giveBack(await other.call('source.takeover', { ...podOnNode(move), targetNeverRan: false }, 130_000), other);
  }
}

class HandedOver extends Error {}

async function giveBack({ state }: { readonly state: SourceFact }, session: AgentSession): Promise<void> {
  if (state === 'committed') throw new HandedOver('its agent has handed the pod over, which stays frozen there');
  await session.call('cleanup', null, 20_000);
}
