import { MigrateError } from '../../errors.ts';
import type { AgentEvent, Stage } from '../../protocol/agent-events.ts';
import type { OnEvent } from '../contract.ts';
import { recordOf } from '../record.ts';
import { inDoubt, settleBoth } from '../settlement.ts';
import type { Measures } from '../step-runner.ts';
import type { Standby } from './standby.ts';

/** The guard ends a freeze that takes too long; beyond its budget this is for agents that say nothing at all. */
const afterBudgetMs = 180_000;

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
  const result = run(standby, signal).finally(() => {
    unfollow();
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

async function run({ budget, underway, source, target }: Standby, signal: AbortSignal): Promise<Moved> {
  const start = performance.now();
  try {
    const budgetMs = budget.ms;
    const { frozenMs } = await source.call('source.checkpoint', { budgetMs, record: recordOf(underway.move) }, budgetMs + afterBudgetMs);
    const { notes } = await target.call('target.finished', null, 60_000);
    return { frozenMs, notes };
  } catch (error) {
    const heardMs = performance.now() - start;
    const settled = await settleBoth(underway);
    if (settled.settlement === 'in doubt') throw inDoubt(underway, settled, error as Error);
    if (settled.settlement === 'roll back')
      throw signal.aborted ? new MigrateError('interrupted', 'stopped', { cause: signal.reason }) : error;
    const note = `the frozen time is an upper bound: ${(error as Error).message}`;
    const finished = await target.call('target.finished', null, 20_000).catch(() => ({ notes: [] }));
    return { frozenMs: heardMs, notes: [...finished.notes, note] };
  }
}
