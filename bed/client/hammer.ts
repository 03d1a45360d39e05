import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ask, hangs } from './ask.ts';
import { Counts } from './counts.ts';
import type { Crowd, CrowdReport, Failure, Load, LoadReport } from './crowd.ts';

/**
 * Has crowds of clients ask functions until the signal comes; requests that are under way then are waited for.
 *
 * @param onGood told after each good answer how many there were
 */
export async function hammer(
  { crowds }: Load,
  signal: AbortSignal,
  onGood: (count: number) => void = () => undefined,
): Promise<LoadReport> {
  const counts = new Counts();
  const failures: Failure[] = [];
  const beganMs = now();
  let good = 0;
  const runCrowd = async (crowd: Crowd): Promise<[string, CrowdReport]> => {
    const answeredAt: number[] = [];
    const failed: Record<string, number> = {};
    const tally = { sent: 0, slowestMs: 0, connections: 0 };
    const crowdBeganMs = now();
    const runClient = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: crowd.connections === 'kept', maxSockets: 1 });
      while (!signal.aborted) {
        const floor = counts.floor();
        const sentMs = now();
        tally.sent++;
        const outcome = await ask(crowd, agent);
        const tookMs = now() - sentMs;
        if (outcome.isFresh) tally.connections++;
        if ('answer' in outcome) {
          counts.answered(outcome.answer, floor);
          answeredAt.push(now());
          tally.slowestMs = Math.max(tally.slowestMs, tookMs);
          onGood(++good);
        } else {
          failed[outcome.kind] = (failed[outcome.kind] ?? 0) + 1;
          failures.push({ ms: sentMs, tookMs, crowd: crowd.name, kind: outcome.kind });
        }
        await delay(crowd.pauseMs, undefined, { signal }).catch(() => undefined);
      }
      agent.destroy();
    };
    await Promise.all(Array.from({ length: crowd.clients }, runClient));
    const silence = longestSilence([crowdBeganMs, ...answeredAt, now()]);
    const hung = Object.entries(failed).reduce((sum, [kind, count]) => sum + (kind.startsWith(hangs) ? count : 0), 0);
    return [crowd.name, { ...tally, good: answeredAt.length, failed, hung, ...silence }];
  };
  const reports = Object.fromEntries(await Promise.all(crowds.map(runCrowd)));
  const instances = counts.instances();
  const missing = Object.values(instances).reduce((sum, instance) => sum + instance.missing, 0);
  const lost = Math.max(0, missing - failures.length);
  return { beganMs, endedMs: now(), crowds: reports, instances, failures, faults: counts.faults(), lost };
}

/** Of times in ascending order. */
function longestSilence(times: readonly number[]): { longestSilenceMs: number; silentSinceMs: number } {
  let longest = { longestSilenceMs: 0, silentSinceMs: times[0] ?? 0 };
  for (const [index, time] of times.slice(1).entries()) {
    const before = times[index] ?? time;
    if (time - before > longest.longestSilenceMs) longest = { longestSilenceMs: time - before, silentSinceMs: before };
  }
  return longest;
}

/** Milliseconds since 1970 that no change of the clock disturbs. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
