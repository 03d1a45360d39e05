import type { SourceFact } from '../../protocol/settle.ts';
import { isHeld } from '../cgroup/freezer.ts';
import type { KnownContainer } from '../cgroup/frozen-list.ts';
import { processesOf } from '../proc/processes.ts';
import type { Decision } from './decision.ts';

/** Its first process runs, or stands still by our freeze; or it is gone, and all others with it. */
export type ContainerFact = 'runs' | 'frozen' | 'gone';

export function containerFact(container: KnownContainer): ContainerFact {
  const held = isHeld(container);
  if (held === undefined || !processesOf(container).includes(container.initPid)) return 'gone';
  return held ? 'frozen' : 'runs';
}

/**
 * What is known of a pod at its source. One container of it that runs is the pod running; one that stands still keeps it undecided,
 * whatever became of the others. A pod that stood frozen and was let go has run on since: what becomes of it then is its own
 * life, which the memory of the frozen instant must never overtake.
 *
 * @param wasFrozen whether the decision is about a pod that stood frozen
 * @param isReplaced whether the runtime has other containers in their place
 */
export function sourceFact(
  decision: Decision | undefined,
  containers: readonly ContainerFact[],
  wasFrozen: boolean,
  isReplaced: () => boolean,
): SourceFact {
  if (decision === 'committed') return 'committed';
  if (containers.includes('runs')) return 'runs';
  if (containers.includes('frozen')) return 'undecided';
  if (decision === 'aborted' && wasFrozen) return 'runs';
  return isReplaced() ? 'replaced' : 'gone';
}
