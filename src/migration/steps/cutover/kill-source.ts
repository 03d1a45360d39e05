import { connectionsText } from '../../../preflight/connections.ts';
import { checkedPeers } from '../../../protocol/checked-inspection.ts';
import { sourceText } from '../../plan.ts';
import type { CutoverTask } from './task.ts';

/**
 * Ends the frozen processes, while their network namespace still exists: their peers are told with a reset. Only when the old
 * object is being deleted: a kubelet starts the containers of a pod that is not anew. Best effort, as its kubelet ends them too.
 */
export const killSource: CutoverTask = {
  name: 'end the old processes',
  writes: () => [],
  isDone: () => false,
  run: async (cutover) => {
    const { source, notes } = cutover;
    if (cutover.killed) return;
    const kill = source?.call('source.kill', null, 20_000) ?? Promise.reject(new Error('its agent is gone'));
    cutover.killed = kill
      .then(({ reset }) => void notes.push(...resetNotes(reset)))
      .catch(
        (error: unknown) => void notes.push(`the frozen processes of the source are left to its kubelet: ${(error as Error).message}`),
      );
    // Side by side with what follows: who waits for the pod waits for that.
    await Promise.resolve();
  },
  undone: (move) => `its old processes stay frozen on ${sourceText(move)}`,
  byHand: () => [],
};

function resetNotes(reset: unknown): string[] {
  const text = connectionsText(checkedPeers(reset));
  return text === undefined ? [] : [`connections to the outside that were reset: ${text}`];
}
