import { globSync, readFileSync } from 'node:fs';
import type { SourceFact } from '../../protocol/settle.ts';
import { freezerFolder, isHeld, type Freezable } from '../cgroup/freezer.ts';
import { processesOf } from '../proc/processes.ts';
import type { Decision } from './decision.ts';

/** A container of the pod as it was when it was last found. */
export interface KnownContainer extends Freezable {
  readonly id: string;
  readonly initPid: number;
}

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

/** The claim's file `frozen`, which the source guard reads (native/guard.c). */
export function frozenFile(containers: readonly KnownContainer[]): string {
  return containers.map((one) => `${[one.name, one.id, one.initPid, freezerFolder(one)].join('\t')}\n`).join('');
}

/** The freezer folders of all containers that claims on this node list: who stands there, stands for that claim's migration. */
export function claimedFolders(pods: string): Set<string> {
  const lists = globSync(`${pods}/*/*/frozen`);
  return new Set(lists.flatMap((list) => readFrozenFile(readIfThere(list)).map(freezerFolder)));
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '';
  }
}

export function readFrozenFile(text: string): KnownContainer[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', id = '', initPid = '', folder = ''] = line.split('\t');
      const hierarchy = folder.startsWith('/sys/fs/cgroup/freezer/') ? 'freezer' : '';
      return { name, id, initPid: Number(initPid), cgroupPaths: { [hierarchy]: folder } };
    });
}
