import { readFileSync, readdirSync } from 'node:fs';
import { freezerFolder, type Freezable } from '../cgroup/freezer.ts';
import { hostProc, onHost } from '../node/host.ts';

/** The process IDs of a container as the node sees them, those in cgroups that it has made itself (systemd does) as well. */
export function processesOf(container: Freezable & { readonly initPid: number }): number[] {
  const listed = membersOf(onHost(freezerFolder(container)));
  // Who is not in the node's PID namespace is told 0 for every process there.
  return listed.includes(0) ? processesBelow(container.initPid) : listed;
}

function membersOf(folder: string): number[] {
  const own = read(`${folder}/cgroup.procs`).split('\n').filter(Boolean).map(Number);
  return [...own, ...entriesOf(folder).flatMap((below) => membersOf(`${folder}/${below}`))];
}

/** Found by the names of their cgroups, which is slower. */
function processesBelow(initPid: number): number[] {
  const folder = /^(?:\d+:freezer:|0::)(.*)$/m;
  const top = folder.exec(cgroupsOf(String(initPid)))?.[1];
  if (top === undefined) return [];
  return readdirSync(hostProc)
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => `${folder.exec(cgroupsOf(pid))?.[1]}/`.startsWith(`${top}/`))
    .map(Number);
}

/** A process whose main thread has ended is told to be nowhere, with version 1; its other threads tell. */
function cgroupsOf(pid: string): string {
  const own = read(`${hostProc}/${pid}/cgroup`);
  if (!own.split('\n').every((line) => line === '' || line.endsWith(':/'))) return own;
  const other = tasksOf(Number(pid)).find((task) => task !== Number(pid));
  return other === undefined ? own : read(`${hostProc}/${pid}/task/${other}/cgroup`);
}

/**
 * Those of a container's processes that did not come from its first one: those that exec brought in. CRIU dumps only the
 * tree below the first process.
 *
 * @param processes {@link processesOf} the container; to find them is what takes time
 */
export function foreignProcesses(container: { readonly initPid: number }, processes: readonly number[]): number[] {
  return processes.filter((pid) => comesFromElsewhere(pid, container.initPid));
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
  const status = read(`${hostProc}/${pid}/status`);
  return status === '' ? undefined : Number(/^PPid:\t(\d+)/m.exec(status)?.[1] ?? 0);
}

/** Its threads; none when it ended while we looked. */
export function tasksOf(pid: number, proc = hostProc): number[] {
  try {
    return readdirSync(`${proc}/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // gone while we looked
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended while we looked
  }
}
