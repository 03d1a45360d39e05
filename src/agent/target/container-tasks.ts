import { readdirSync, readFileSync } from 'node:fs';
import { hostProc } from '../node/host.ts';

/**
 * Processes in the cgroups of containers, by the container's ID. The ID is part of the cgroup's path with every driver and
 * version, also of those below it; cgroup.procs would tell numbers of our own PID namespace, which has none of them.
 */
export function processesByContainer(ids: readonly string[]): Map<string, number[]> {
  const found = new Map<string, number[]>(ids.map((id) => [id, []]));
  for (const pid of allProcesses()) {
    const cgroups = readOr('', `${hostProc}/${pid}/cgroup`);
    const id = ids.find((one) => cgroups.includes(one));
    if (id !== undefined) found.get(id)?.push(pid);
  }
  return found;
}

/** Whether anything is there of these containers, or could still make one of them: their processes, and a runtime that restores. */
export function isAnyLeft(ids: readonly string[]): boolean {
  return allProcesses().some((pid) => {
    const cgroups = readOr('', `${hostProc}/${pid}/cgroup`);
    if (ids.some((id) => cgroups.includes(id))) return true;
    const words = readOr('', `${hostProc}/${pid}/cmdline`).split('\0');
    return words.includes('restore') && ids.some((id) => words.includes(id));
  });
}

/** @throws Error when the process has a task that would not stand at the instruction where it stood in its checkpoint */
export function requireStanding(pid: number): void {
  const tasks = readdirSync(`${hostProc}/${pid}/task`);
  for (const task of tasks) {
    const status = readFileSync(`${hostProc}/${pid}/task/${task}/status`, 'utf8');
    if (/^State:\t[ZX]/m.test(status)) continue; // ended, and as dead as at the source
    if (field(status, 'TracerPid') !== '0') throw new Error(`its task ${task} is traced`);
    const pending = BigInt(`0x${field(status, 'SigPnd')}`) | BigInt(`0x${field(status, 'ShdPnd')}`);
    if (pending & endingSignals) throw new Error(`its task ${task} has been sent a signal that ends it`);
    const call = readFileSync(`${hostProc}/${pid}/task/${task}/syscall`, 'utf8').trim();
    if (!call.startsWith('-1 ')) throw new Error(`its task ${task} has run on (${call.split(' ')[0]})`);
  }
}

/** SIGKILL and SIGTERM. */
const endingSignals = (1n << 8n) | (1n << 14n);

function field(status: string, name: string): string {
  return new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)?.[1] ?? '';
}

function allProcesses(): number[] {
  return readdirSync(hostProc)
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** What ends while we look has nothing to tell. */
function readOr(otherwise: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
