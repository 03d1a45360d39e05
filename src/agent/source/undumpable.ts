import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { finding, type Finding, type Subject } from '../../preflight/finding.ts';
import { hostProc } from '../node/host.ts';

/**
 * What keeps CRIU from a process by the state of its threads: stopped by a signal, in the hands of a tracer, or without the
 * thread that it began with. To be asked while the container runs, and again when it is frozen: anybody may send SIGSTOP in
 * between, and CRIU would then wait for ever (checkpoint-restore/criu PR 1905).
 *
 * In a frozen cgroup of version 1 the state of every thread reads as "disk sleep"; the place where it sleeps tells then.
 *
 * @param proc where the node's /proc is mounted
 * @returns none for a process that has ended
 */
export function undumpable(container: string, pid: number, proc: string = hostProc): Finding[] {
  const on: Subject = { kind: 'container', name: container };
  const threads = threadsOf(pid, proc);
  const leader = threads.find(({ tid }) => tid === pid);
  const who = `container ${container}: process ${pid} (${leader?.name ?? ''})`;
  const findings: Finding[] = [];
  if (threads.some(isStopped)) {
    const remedy = 'continue it (kill -CONT) or end it';
    findings.push(finding('KM-STOPPED', on, `${who} is stopped (SIGSTOP, Ctrl-Z), and CRIU would wait for it for ever`, remedy));
  }
  if (threads.some(isTraced)) findings.push(finding('KM-TRACED', on, `${who} is being traced`, 'end the debugger or strace'));
  if (leader?.state === 'Z' && threads.some(({ state }) => state !== 'Z' && state !== 'X')) {
    const text = `${who} has lost its main thread and goes on with others (a zombie with threads), which CRIU cannot dump`;
    findings.push(finding('KM-DEAD-MAIN-THREAD', on, text, 'let the main thread wait for the others, and start the container anew'));
  }
  return findings;
}

/** A thread that waits for a disk has moved by then; one that hangs has not. */
const hangMs = 3_000;

/**
 * Processes with a thread that has been in an uninterruptible wait for three seconds without having run at all: they would
 * neither freeze nor be dumped. Answers at once when no thread is in such a wait. Not to be asked of a frozen container.
 */
export async function hanging(container: string, pids: readonly number[], proc: string = hostProc): Promise<Finding[]> {
  const uninterruptible = (): Thread[] => pids.flatMap((pid) => threadsOf(pid, proc)).filter(({ state }) => state === 'D');
  const deadline = performance.now() + scaled(hangMs);
  let still = uninterruptible();
  while (still.length > 0 && performance.now() < deadline) {
    await delay(100);
    const now = new Map(uninterruptible().map((thread) => [thread.tid, thread.switches]));
    still = still.filter(({ tid, switches }) => now.get(tid) === switches);
  }
  const on: Subject = { kind: 'container', name: container };
  const worst = new Map(still.map((thread) => [thread.pid, thread]));
  return [...worst.values()].map(({ pid, name, wchan }) => {
    const text = `container ${container}: process ${pid} (${name}) has been in an uninterruptible wait for ${scaled(hangMs) / 1000} s (${wchan})`;
    return finding('KM-UNINTERRUPTIBLE', on, text, 'cure what it waits for, or end it');
  });
}

interface Thread {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  /** The letter of its state in /proc. */
  readonly state: string;
  readonly tracer: string;
  /** The kernel's function that it sleeps in; `0` for none, or where the kernel does not tell. */
  readonly wchan: string;
  /** How often it was given a processor and left it, as text. */
  readonly switches: string;
}

function isStopped({ state, wchan }: Thread): boolean {
  return state === 'T' || wchan === 'do_signal_stop';
}

function isTraced({ state, tracer, wchan }: Thread): boolean {
  return tracer !== '0' || state === 't' || wchan === 'ptrace_stop';
}

function threadsOf(pid: number, proc: string): Thread[] {
  const folder = `${proc}/${pid}/task`;
  return listed(folder).flatMap((entry) => {
    const status = read(`${folder}/${entry}/status`);
    const field = (name: string): string => new RegExp(`^${name}:\\t(\\S+)`, 'm').exec(status)?.[1] ?? '';
    if (status === '') return []; // ended while we looked
    return [
      {
        pid,
        tid: Number(entry),
        name: field('Name'),
        state: field('State'),
        tracer: field('TracerPid') || '0',
        wchan: read(`${folder}/${entry}/wchan`) || '0',
        switches: `${field('voluntary_ctxt_switches')} ${field('nonvoluntary_ctxt_switches')}`,
      },
    ];
  });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
