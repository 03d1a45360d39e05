import { MigrateError } from '../../errors.ts';
import type { CheckpointResult } from '../../protocol/agent-calls.ts';
import type { AgentEvent } from '../../protocol/agent-events.ts';
import type { SourceFact } from '../../protocol/settle.ts';
import type { StepRunner, StepReporter } from '../step-runner.ts';
import type { OnEvent } from '../contract.ts';
import { openSession } from '../agent-session.ts';
import { takeOverSource } from '../takeover.ts';
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
export async function checkpoint(
  standby: Standby,
  clock: StepRunner,
  undo: UndoList,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<Pick<CheckpointResult, 'frozenMs'> & { notes: readonly string[] }> {
  const { plan, source, target, inspection } = standby;
  const stop = (): void => void source.call('source.abort', null, 30_000).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  let unfollow = (): void => undefined;
  const start = performance.now();
  try {
    return await clock.step('checkpoint', async (reporter) => {
      reporter.progress('freezing');
      const progress = frozenSteps(reporter, onEvent, inspection.memoryBytes);
      unfollow = source.listen(progress.onAgentEvent);
      const { frozenMs } = await source.call('source.checkpoint', { budgetMs: plan.report.budget.ms, record: null }, deadlineMs);
      const { notes } = await target.call('target.finished', null, 60_000);
      return { frozenMs, notes, ...progress.commit() };
    });
  } catch (error) {
    const heardMs = performance.now() - start;
    if ((await stateOfSource(standby)) === 'runs') throw error;
    // The source committed, or can tell nothing any more. If the target runs, it has had the source's word for it.
    const confirmed = await target.call('target.finished', null, 20_000).catch(() => undefined);
    if (!confirmed && (await isRolledBack(standby))) throw error;
    undo.forget();
    if (!confirmed) throw inDoubt(standby, error as Error);
    clock.ignoreStop();
    return { frozenMs: heardMs, notes: [...confirmed.notes, `the frozen time is an upper bound: ${(error as Error).message}`] };
  } finally {
    unfollow();
    signal.removeEventListener('abort', stop);
  }
}

/** One call does it all; the source tells the stages, which are three steps to the user. */
function frozenSteps(
  reporter: StepReporter,
  onEvent: OnEvent,
  aboutBytes: number,
): { onAgentEvent: (event: AgentEvent) => void; commit: () => { ms: number; endedAt: number } } {
  let ms = 0;
  let bytes = 0;
  let endedAt = performance.now();
  const onAgentEvent = (event: AgentEvent): void => {
    if (event.type === 'bytes') reporter.bytes(event.bytes, Math.max(event.bytes, aboutBytes));
    if (event.type !== 'stage') return;
    onEvent({ type: 'stage', stage: event.stage });
    ms += event.ms;
    bytes += event.bytes;
    endedAt = performance.now();
    if (event.stage !== 'sent' && event.stage !== 'held') return;
    if (event.stage === 'sent') reporter.turnTo('restore', { ms, bytes });
    else reporter.turnTo('commit', { ms });
    ms = 0;
  };
  return { onAgentEvent, commit: () => ({ ms, endedAt }) };
}

/** Whether the source may run. Asks its agent, or, if that is dead, a new one on the same node. */
async function stateOfSource(standby: Standby): Promise<SourceFact> {
  try {
    return (await standby.source.call('source.abort', null, 130_000)).state;
  } catch {
    return await askAgain(standby).catch(async () => takeOverSource(standby).catch(() => 'silent' as const));
  }
}

/** A conversation can end while its agent goes on: with the API server that it went through. */
async function askAgain({ home, source }: Standby): Promise<SourceFact> {
  const session = await openSession(home, source.pod, AbortSignal.timeout(10_000));
  const { state } = await session.call('source.abort', null, 130_000).finally(() => session.close());
  return state;
}

/** A commit that did not get to the target: when that gives its word that it never ran, and never will, the source may. */
async function isRolledBack(standby: Standby): Promise<boolean> {
  const { state } = await standby.target.call('target.abort', null, 10_000).catch(() => ({ state: 'silent' as const }));
  if (state !== 'never') return false;
  return (await takeOverSource(standby, true).catch(() => 'silent')) === 'runs';
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
