import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hostProc, onHost } from '../node/host.ts';
import type { NodeContainer } from './container.ts';

/** Version 2 of cgroups keeps the freezer in the one hierarchy, version 1 in its own. */
function freezer(container: NodeContainer): { version: 1 | 2; dir: string } {
  const unified = container.cgroupPaths[''];
  if (unified !== undefined) return { version: 2, dir: onHost(unified) };
  const legacy = container.cgroupPaths['freezer'];
  if (legacy === undefined) throw new Error(`container ${container.name} has no freezer cgroup`);
  return { version: 1, dir: onHost(legacy) };
}

/**
 * Asks the kernel to freeze the container; see {@link untilFrozen}. Written directly and not through `runc pause`:
 * starting runc once for each container would spread the one instant over tens of milliseconds.
 */
export function freeze(container: NodeContainer): void {
  const { version, dir } = freezer(container);
  if (version === 2) writeFileSync(`${dir}/cgroup.freeze`, '1');
  else writeFileSync(`${dir}/freezer.state`, 'FROZEN');
}

export function thaw(container: NodeContainer): void {
  const { version, dir } = freezer(container);
  if (version === 2) writeFileSync(`${dir}/cgroup.freeze`, '0');
  else writeFileSync(`${dir}/freezer.state`, 'THAWED');
}

/**
 * Whether the container is still meant to stand still: CRIU that dies midway lets it run again, so ask late. A newcomer, whom
 * exec brings into it, is frozen at once but not in no time, and is no reason to say no.
 */
export function isHeld(container: NodeContainer): boolean {
  const { version, dir } = freezer(container);
  if (version === 2) return readFileSync(`${dir}/cgroup.freeze`, 'utf8').trim() === '1';
  return readFileSync(`${dir}/freezer.state`, 'utf8').trim() !== 'THAWED';
}

/** Whether every task of the container stands still. */
export function isFrozen(container: NodeContainer): boolean {
  const { version, dir } = freezer(container);
  if (version === 2) return /^frozen 1$/m.test(readFileSync(`${dir}/cgroup.events`, 'utf8'));
  return readFileSync(`${dir}/freezer.state`, 'utf8').trim() === 'FROZEN';
}

/**
 * Whether a cgroup above the container is frozen. CRIU hangs then, and the container is dead afterwards.
 */
export function isParentFrozen(container: NodeContainer): boolean {
  const { version, dir } = freezer(container);
  if (version === 1) return readFileSync(`${dir}/freezer.parent_freezing`, 'utf8').trim() !== '0';
  return /^frozen 1$/m.test(readFileSync(`${dir}/../cgroup.events`, 'utf8'));
}

/** @throws Error when the container does not stand still within 5 s */
export async function untilFrozen(container: NodeContainer): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isFrozen(container)) {
    if (Date.now() > deadline) throw new Error(`container ${container.name} does not freeze: a process is in an uninterruptible wait`);
    // A v1 freezer can stay in FREEZING after a race with a fork; writing again is what runc does as well.
    freeze(container);
    await delay(1);
  }
}

/**
 * The process IDs of a container as the node sees them. Not read from cgroup.procs: that file tells PIDs of the
 * reader's own PID namespace, which is 0 for every process that we look for.
 */
export function processesOf(container: NodeContainer): number[] {
  const cgroup = readFileSync(`${hostProc}/${container.initPid}/cgroup`, 'utf8');
  return readdirSync(hostProc)
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => cgroupOf(pid) === cgroup)
    .map(Number);
}

/** A process whose main thread has ended is told to be nowhere, with version 1; its other threads tell. */
function cgroupOf(pid: string): string {
  const own = read(`${hostProc}/${pid}/cgroup`);
  if (!own.split('\n').every((line) => line === '' || line.endsWith(':/'))) return own;
  const other = tasksOf(Number(pid)).find((task) => task !== pid);
  return other === undefined ? own : read(`${hostProc}/${pid}/task/${other}/cgroup`);
}

/**
 * Those of a container's processes that did not come from its first one: those that exec brought in. CRIU dumps only the
 * tree below the first process.
 *
 * @param processes {@link processesOf} the container; to find them is what takes time
 */
export function foreignProcesses(container: NodeContainer, processes: readonly number[]): number[] {
  return processes.filter((pid) => comesFromElsewhere(pid, container.initPid));
}

/**
 * Whether a task of these processes stands still in vfork, where posix_spawn, Python's subprocess and Go's os/exec are for an
 * instant: it cannot be trapped before its child lets go of their common memory, and CRIU has trapped that already. CRIU
 * waits ten seconds then and gives up ("Timeout reached", CRIU issue 423). The kernel tells where a task sleeps.
 */
export function isAmidVfork(processes: readonly number[]): boolean {
  return processes.some((pid) => tasksOf(pid).some((task) => vforkWaits.has(read(`${hostProc}/${pid}/task/${task}/wchan`))));
}

/** Names of the kernel's function that waits, or of the one that it has been made a part of. */
const vforkWaits = new Set(['kernel_clone', 'wait_for_vfork_done', '_do_fork']);

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`${hostProc}/${pid}/task`);
  } catch {
    return []; // ended while we looked
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended while we looked
  }
}

/** Processes that end while we look have no parent any more, and are nobody's loss. */
function comesFromElsewhere(pid: number, initPid: number): boolean {
  for (let one: number | undefined = pid; one !== initPid; one = parentOf(one)) {
    if (one === undefined) return false;
    if (one <= 1) return true;
  }
  return false;
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\t(\d+)/m.exec(readFileSync(`${hostProc}/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return undefined;
  }
}

/**
 * How CRIU must treat cgroups, the same at dump and restore: with version 2 `ignore` would lose the private cgroup
 * namespace, with version 1 it saves 20 to 30 ms.
 */
export function manageCgroupsMode(container: NodeContainer): 'soft' | 'ignore' {
  return freezer(container).version === 2 ? 'soft' : 'ignore';
}
