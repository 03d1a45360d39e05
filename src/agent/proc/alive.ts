import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { hostProc } from '../node/host.ts';

/** A process of the node, and not another one that has its number by now. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot (field 22 of /proc/PID/stat). */
  readonly startTime: number;
}

/** @throws Error when it is gone */
export function processId(pid: number, proc = hostProc): ProcessId {
  const { startTime } = statOf(pid, proc);
  return { pid, startTime };
}

/** This process, by its number on the node. */
export function ownId(proc = hostProc): ProcessId {
  return processId(Number(basename(readlinkSync(`${proc}/self`))), proc);
}

/** A zombie does nothing any more. */
export function isAlive({ pid, startTime }: ProcessId, proc = hostProc): boolean {
  try {
    const stat = statOf(pid, proc);
    return stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
  } catch {
    return false;
  }
}

function statOf(pid: number, proc: string): { state: string; startTime: number } {
  const text = readFileSync(`${proc}/${pid}/stat`, 'utf8');
  // The name may hold anything, also spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTime: Number(fields[19]) };
}
