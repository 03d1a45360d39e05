import type { FaultName } from './faults.ts';
import { windows, type Window } from './windows.ts';

/** One line of the table: something fails in one stretch of a migration. */
export interface Cell {
  /** `FAULT@WINDOW` */
  readonly name: string;
  readonly fault: FaultName;
  readonly window: Window;
}

/** Where each can strike: a process can be killed only where it lives. */
const table: Readonly<Record<FaultName, readonly Window[]>> = {
  'command killed': windows,
  'command interrupted': windows,
  'command suspended': ['standby', 'frozen', 'restore', 'held'],
  'source agent killed': windows,
  // At the commit the guard ends by itself.
  'source guard killed': ['frozen', 'restore', 'held'],
  'source agent and guard killed': ['frozen', 'restore', 'held'],
  'command, source agent and guard killed': ['frozen', 'restore', 'held'],
  'source runc killed': ['frozen'],
  // Before all of it is at the peer, it would be its death as on any day.
  'source containers killed': ['held', 'committed'],
  'target agent killed': windows,
  'keepers killed': ['restore', 'held'],
  'target agent and keepers killed': ['held', 'committed'],
  'command and both agents killed': ['frozen', 'restore', 'held', 'committed'],
  'hooks killed': ['restore'],
  'target CRIU killed': ['restore'],
  'target runc killed': ['restore'],
  'source containerd killed': ['precopy', 'frozen', 'restore', 'held', 'committed', 'cutover'],
  'target containerd killed': ['precopy', 'standby', 'restore', 'held', 'committed', 'cutover'],
  'source kubelet killed': ['precopy', 'frozen', 'restore', 'held', 'committed', 'cutover'],
  'target kubelet killed': ['precopy', 'standby', 'restore', 'held', 'committed', 'cutover'],
  'virtual kubelet killed': ['prepare', 'standby', 'frozen', 'held', 'cutover'],
  'link cut': ['precopy', 'standby', 'frozen', 'restore', 'held', 'committed', 'cutover'],
  'home API server away': ['prepare', 'precopy', 'standby', 'frozen', 'restore', 'held', 'committed', 'cutover', 'cleanup'],
  'peer API server away': ['prepare', 'standby', 'frozen', 'restore', 'held', 'committed', 'cutover'],
  'pod deleted': ['precopy', 'frozen', 'restore', 'held', 'committed'],
  'standby deleted': ['frozen', 'restore', 'held'],
  'source memory short': ['precopy', 'frozen', 'held'],
  'target memory short': ['precopy', 'restore', 'held'],
  // A file system mounted over the folder is full, and hides what is in it as well: before anything is dumped that is the same.
  'source disk full': ['precopy', 'standby'],
  'target disk full': ['precopy', 'standby'],
};

export const cells: readonly Cell[] = Object.entries(table).flatMap(([fault, where]) =>
  where.map((window) => ({ name: `${fault}@${window}`, fault: fault as FaultName, window })),
);

/**
 * @param patterns names of cells, in which `*` stands for anything; none means all
 * @throws Error naming a pattern that no cell matches
 */
export function chosenCells(patterns: readonly string[]): readonly Cell[] {
  if (patterns.length === 0) return cells;
  const chosen = patterns.map((pattern) => {
    const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
    const expression = new RegExp(`^${escaped.replaceAll('*', '.*')}$`);
    const found = cells.filter(({ name }) => expression.test(name));
    if (found.length === 0) throw new Error(`no cell is called ${pattern}`);
    return found;
  });
  const wanted = new Set(chosen.flat());
  return cells.filter((cell) => wanted.has(cell));
}
