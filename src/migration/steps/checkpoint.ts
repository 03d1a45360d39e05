import { MigrateError } from '../../errors.ts';
import type { CheckpointResult } from '../../protocol/agent-calls.ts';
import type { StepClock } from '../clock.ts';
import type { StepReport } from '../contract.ts';
import { rescueSource } from '../rescue.ts';
import type { UndoList } from '../undo.ts';
import type { Standby } from './standby.ts';

/** The agents have deadlines of their own; this one is for agents that say nothing at all. */
const deadlineMs = 300_000;

/**
 * Checkpoint, restore and commit: the frozen part. The agents do it between themselves, so that neither the CLI nor an
 * API server stands in its way; the CLI only starts it, and stops it if the user asks before the commit.
 *
 * @throws MigrateError: `in-doubt` when the source committed and the target did not confirm that all runs
 */
export async function checkpoint(standby: Standby, clock: StepClock, undo: UndoList, signal: AbortSignal): Promise<CheckpointResult & { notes: readonly string[] }> {
  const { source, target } = standby;
  const stop = (): void => void source.call('source.abort', null, 30_000).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await clock.step('checkpoint', async (say) => {
      say('the pod stands still');
      const result = await source.call('source.checkpoint', null, deadlineMs);
      const { notes } = await target.call('target.finished', null, 60_000);
      return { ...result, notes, parts: partsOf(result) };
    });
  } catch (error) {
    if ((await stateOfSource(standby)) === 'running') throw error;
    undo.forget();
    throw inDoubt(standby, error as Error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Restore and commit happened within the one call; they are told as the steps that they are. */
function partsOf({ checkpointMs, restoreMs, commitMs, bytes }: CheckpointResult): StepReport[] {
  return [
    { name: 'checkpoint', ms: checkpointMs, bytes },
    { name: 'restore', ms: restoreMs, bytes: 0 },
    { name: 'commit', ms: commitMs, bytes: 0 },
  ];
}

/** Whether the source may run. Asks its agent, or, if that is dead, a new one on the same node. */
async function stateOfSource(standby: Standby): Promise<'running' | 'committed' | 'unknown'> {
  try {
    return (await standby.source.call('source.abort', null, 130_000)).state;
  } catch {
    return await rescueSource(standby).catch(() => 'unknown' as const);
  }
}

function inDoubt({ plan, shadowPod }: Standby, cause: Error): MigrateError {
  const { namespace, pod, from } = plan.report;
  const message = `pod ${namespace}/${pod} was handed over to ${plan.peer.virtualNode}, which did not confirm that it runs: ${cause.message}`;
  return new MigrateError('in-doubt', message, {
    cause,
    hint:
      `the source stays frozen on node ${from}, nothing of it is lost; look whether the pod runs at ${plan.peer.virtualNode} ` +
      `(${shadowPod}), then delete one of the two`,
  });
}
