import { readFileSync } from 'node:fs';
import { hostProc } from '../node/host.ts';
import { tasksOf } from './processes.ts';

/** The signals of one thread, as /proc tells them: sets of bits, signal N being bit N - 1. */
export interface TaskSignals {
  readonly pid: number;
  readonly task: number;
  readonly blocked: bigint;
  /** For this thread or for its whole process, not taken yet. */
  readonly pending: bigint;
}

/**
 * Of every thread of these processes; without those that ended while we looked.
 *
 * @param proc where the node's /proc is mounted
 */
export function signalsOf(processes: readonly number[], proc = hostProc): TaskSignals[] {
  return processes.flatMap((pid) => tasksOf(pid, proc).flatMap((task) => signalsOfTask(pid, task, proc) ?? []));
}

/** The file from which the source guard learns what a dump that ended badly may have left blocked (native/masks.c). */
export function signalsFile(signals: readonly TaskSignals[]): string {
  const line = ({ pid, task, blocked, pending }: TaskSignals): string => `${pid} ${task} ${blocked.toString(16)} ${pending.toString(16)}\n`;
  return signals.map(line).join('');
}

/** Nobody but a person or the runtime sends these; and no program goes on as if nothing had been. */
const ends = new Map([
  [9, 'SIGKILL'],
  [15, 'SIGTERM'],
  [19, 'SIGSTOP'],
]);

/**
 * What runtimes send to a container's first process to stop it, as its image says (STOPSIGNAL). They may also come from a timer
 * of the program's own, which is no wish of anybody's.
 */
const stops = new Map([
  [1, 'SIGHUP'],
  [2, 'SIGINT'],
  [3, 'SIGQUIT'],
  [10, 'SIGUSR1'],
  [12, 'SIGUSR2'],
  [28, 'SIGWINCH'],
  [30, 'SIGPWR'],
  [37, 'SIGRTMIN+3'],
]);

/**
 * Whether somebody wants to stop the container: a signal that is pending now and was not at the freeze. It would travel in the
 * images and end the program where it is restored, or end it here at the thaw. What timers and files send does not count.
 *
 * @param before {@link signalsOf} its processes at the freeze
 * @param initPid its first process
 * @returns the signal's name
 */
export function stopWanted(
  before: readonly TaskSignals[],
  now: readonly TaskSignals[],
  initPid: number,
  proc = hostProc,
): string | undefined {
  const pendingBefore = new Map(before.map(({ task, pending }) => [task, pending]));
  for (const { pid, task, pending } of now) {
    const fresh = pending & ~(pendingBefore.get(task) ?? 0n);
    const counted = pid === initPid && fresh !== 0n ? new Map([...ends, ...withoutTimers(pid, proc)]) : ends;
    for (const [signal, name] of counted) if ((fresh >> BigInt(signal - 1)) & 1n) return name;
  }
  return undefined;
}

function withoutTimers(pid: number, proc: string): [number, string][] {
  const timers = [...read(`${proc}/${pid}/timers`).matchAll(/^signal: (\d+)\//gm)].map(([, signal]) => Number(signal));
  return [...stops].filter(([signal]) => !timers.includes(signal));
}

function signalsOfTask(pid: number, task: number, proc: string): TaskSignals | undefined {
  const status = read(`${proc}/${pid}/task/${task}/status`);
  const set = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  return status === '' ? undefined : { pid, task, blocked: set('SigBlk'), pending: set('SigPnd') | set('ShdPnd') };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended while we looked
  }
}
