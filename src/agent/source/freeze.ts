import { setTimeout as delay } from 'node:timers/promises';
import { freeze, untilFrozen } from '../cgroup/freezer.ts';
import { foreignProcesses, processesOf } from '../proc/processes.ts';
import { signalsOf, type TaskSignals } from '../proc/signals.ts';
import { isAmidVfork } from '../proc/vfork.ts';
import type { NodeContainer } from '../runc/container.ts';
import { findingText } from '../../preflight/finding.ts';
import type { SourceGuard } from './guard.ts';
import { undumpable } from './undumpable.ts';

/**
 * An exec probe may be running at any instant, or a program just be starting another; what CRIU finds of either makes the
 * dump fail.
 */
const attempts = 40;

/**
 * Freezes all containers in one instant in which nothing that exec brought in is among their processes, and none is in vfork.
 *
 * @returns the signals of all threads at that instant
 * @throws Error when there is no such instant, or CRIU would wait for a process for ever; something may stand still then
 */
export async function freezeTogether(
  containers: readonly NodeContainer[],
  guard: SourceGuard,
  requireWanted: () => void,
): Promise<TaskSignals[]> {
  for (let attempt = 1; ; attempt++) {
    requireWanted();
    guard.frozen();
    for (const container of containers) freeze(container);
    await Promise.all(containers.map(async (container) => untilFrozen(container, requireWanted)));
    const standing = containers.map((container) => ({ container, processes: processesOf(container) }));
    const [finding] = standing.flatMap(({ container, processes }) => processes.flatMap((pid) => undumpable(container.name, pid)));
    if (finding) throw new Error(findingText(finding));
    const strange = standing.find(({ container, processes }) => foreignProcesses(container, processes).length > 0)?.container;
    const spawning = standing.find(({ processes }) => isAmidVfork(processes))?.container;
    if (!strange && !spawning) return signalsOf(standing.flatMap(({ processes }) => processes));
    if (attempt === attempts) {
      throw new Error(
        strange
          ? `a process started by exec does not leave container ${strange.name}`
          : `container ${spawning?.name} is starting other programs all the time (vfork)`,
      );
    }
    await guard.again();
    // Not in step with what goes on in there.
    await delay(strange ? 50 : 1 + Math.random() * 20);
  }
}
