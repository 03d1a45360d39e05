import { MigrateError } from '../../errors.ts';
import { podsIn } from '../../kube/paths.ts';
import type { Pod } from '../../kube/types.ts';
import { waitFor } from '../../kube/wait.ts';
import type { AgentEvent, Stage } from '../../protocol/agent-events.ts';
import type { OnEvent } from '../contract.ts';
import { recordOf } from '../record.ts';
import { TakenOver, type AgentSession } from '../helpers/session.ts';
import { inDoubt, settleBoth } from '../settlement.ts';
import type { Measures } from '../step.ts';
import type { Standby } from './standby.ts';

/** The guard ends a freeze that takes too long; beyond its budget this is for agents that say nothing at all. */
const afterBudgetMs = 180_000;
/** No frozen part takes so long. */
const watchMs = 3_600_000;

/** How a move ended that is committed. */
export interface Moved {
  readonly frozenMs: number;
  readonly notes: readonly string[];
}

/** Checkpoint, restore and commit, which go on by themselves; the three steps wait for their stages. */
export interface FrozenPart {
  /** @throws as `end`, when it ends before */
  readonly until: (stage: Stage, of: readonly Stage[], moved?: (bytes: number, about: number) => void) => Promise<Measures>;
  /** @throws MigrateError: `in-doubt` when it cannot be settled who may run; else the source runs on, and all is to be rolled back */
  readonly end: () => Promise<Moved & Measures>;
}

/**
 * Begins the frozen part. The agents do it between themselves, so that neither the CLI nor an API server stands in its way; the CLI
 * stops it if the user asks before the commit, and when it fails settles what is to become of the pod.
 */
export function startFrozenPart(standby: Standby, onEvent: OnEvent, signal: AbortSignal): FrozenPart {
  const { source, inspection } = standby;
  const told: { readonly stage: Stage; readonly ms: number; readonly bytes: number; readonly at: number }[] = [];
  const waiting = new Map<Stage, () => void>();
  const unfollow = source.listen((event) => {
    if (event.type !== 'stage') return;
    told.push({ ...event, at: performance.now() });
    onEvent({ type: 'stage', stage: event.stage });
    waiting.get(event.stage)?.();
  });
  const stop = (): void => void source.call('source.abort', null, 30_000).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  const over = new AbortController();
  const deletion = watchDeletion(standby, over.signal, stop);
  const result = run(standby, signal, deletion).finally(() => {
    unfollow();
    over.abort();
    signal.removeEventListener('abort', stop);
  });
  result.catch(() => undefined);

  const measuresOf = (stages: readonly Stage[]): Measures => {
    const ours = told.filter(({ stage }) => stages.includes(stage));
    const sum = (key: 'ms' | 'bytes'): number => ours.reduce((total, one) => total + one[key], 0);
    return { ms: sum('ms'), bytes: sum('bytes'), endedAt: ours.at(-1)?.at ?? performance.now() };
  };
  return {
    until: async (stage, of, moved) => {
      const reached = new Promise<void>((resolve) => waiting.set(stage, resolve));
      const unfollowBytes = source.listen((event: AgentEvent) => {
        if (event.type === 'bytes') moved?.(event.bytes, Math.max(event.bytes, inspection.memoryBytes));
      });
      try {
        if (!told.some((one) => one.stage === stage)) await Promise.race([reached, result]);
        return measuresOf(of);
      } finally {
        unfollowBytes();
      }
    },
    end: async () => ({ ...(await result), ...measuresOf(['committed', 'running']) }),
  };
}

/**
 * A pod that its user deletes with force, or replaces, is killed where it stands: what is at the peer must not take its place, least of
 * all beside another one of its name. Of a deletion that gives it time the signal tells.
 */
function watchDeletion({ home, plan: { pod } }: Standby, over: AbortSignal, stop: () => void): { isSeen: boolean } {
  const { name, namespace = '', uid } = pod.metadata;
  const deletion = { isSeen: false };
  const isDone = (seen: Pod | undefined): boolean => seen?.metadata.uid !== uid;
  waitFor<Pod>(home, { collection: podsIn(namespace), name, what: 'its deletion', deadlineMs: watchMs, isDone }, over).then(
    () => {
      deletion.isSeen = true;
      stop();
    },
    () => undefined, // it is over; or nobody can say, and then it is as without us
  );
  return deletion;
}

async function run(
  { budget, underway, source, target }: Standby,
  signal: AbortSignal,
  deletion: { readonly isSeen: boolean },
): Promise<Moved> {
  const start = performance.now();
  try {
    const budgetMs = budget.ms;
    const { frozenMs } = await source.call('source.checkpoint', { budgetMs, record: recordOf(underway.move) }, budgetMs + afterBudgetMs);
    return { frozenMs, notes: await notesOf(target, 60_000) };
  } catch (error) {
    const heardMs = performance.now() - start;
    const settled = await settleBoth(underway);
    if (settled.settlement === 'in doubt') throw inDoubt(underway, settled, error as Error);
    const { name, namespace } = underway.move.pod.metadata;
    if (settled.settlement === 'roll back' && deletion.isSeen)
      throw new MigrateError('failed', `pod ${namespace}/${name} was deleted while it was moved`, { cause: error });
    if (settled.settlement === 'roll back')
      throw signal.aborted ? new MigrateError('interrupted', 'stopped', { cause: signal.reason }) : error;
    const note = `the frozen time is an upper bound: ${(error as Error).message}`;
    return { frozenMs: heardMs, notes: [...(await notesOf(target, 20_000)), note] };
  }
}

/** The pod runs by then, whatever becomes of the question. */
async function notesOf(target: AgentSession, deadlineMs: number): Promise<readonly string[]> {
  try {
    return (await target.call('target.finished', null, deadlineMs)).notes;
  } catch (error) {
    if (error instanceof TakenOver) throw error;
    return [`whether the limits of its containers are set again is not known: ${(error as Error).message}`];
  }
}
