import { readFileSync } from 'node:fs';
import { hostProc } from '../node/host.ts';
import { tasksOf } from './processes.ts';

/**
 * Whether a task of these processes stands still in vfork, where posix_spawn, Python's subprocess and Go's os/exec are for an
 * instant: it cannot be trapped before its child lets go of their common memory, and CRIU has trapped that already. CRIU
 * waits ten seconds then and gives up ("Timeout reached", CRIU issue 423). The kernel tells where a task sleeps.
 */
export function isAmidVfork(processes: readonly number[]): boolean {
  return processes.some((pid) => tasksOf(pid).some((task) => vforkWaits.has(sleepsIn(`${hostProc}/${pid}/task/${task}/wchan`))));
}

/** Names of the kernel's function that waits, or of the one that it has been made a part of. */
const vforkWaits = new Set(['kernel_clone', 'wait_for_vfork_done', '_do_fork']);

function sleepsIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended while we looked
  }
}
