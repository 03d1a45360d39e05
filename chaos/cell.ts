import { spawn, type ChildProcess } from 'node:child_process';
import { insideBed } from '../bed/bed.ts';
import { faultsIn } from '../test/ticks/one-copy.ts';
import { kubectl, leftoversInTheEnd, startPod } from '../test/e2e/cluster.ts';
import { podOf } from '../test/e2e/pods.ts';
import type { Ticks } from '../test/e2e/ticks.ts';
import type { Cell } from './cells.ts';
import { inflict } from './faults.ts';
import { frozenOn } from './frozen.ts';
import { untilOpen } from './open.ts';
import { Watch } from './watch.ts';
import { whyMissed } from './windows.ts';

export interface Outcome {
  readonly cell: string;
  /** `bad`: the promise was broken. `missed`: the fault did not lie in its window. */
  readonly verdict: 'good' | 'bad' | 'missed';
  /** Where the pod is in the end. */
  readonly end: 'moved' | 'stayed' | 'deleted' | 'lost';
  /** Exit codes of the command, and of each time that it was given again. */
  readonly codes: readonly number[];
  /** What speaks against it, item by item. */
  readonly why: readonly string[];
  readonly ms: number;
  /** What was run. */
  readonly commit: string;
}

/** How late the end of a window can be seen: the events of an agent come through exec. */
const lagMs = 25;
const commandDeadlineMs = 300_000;
const mostTries = 4;

/** Moves a pod, has the fault happen in its window, does what the message says, and looks at both sides. */
export async function runCell(cell: Cell, ticks: Ticks, commit: string): Promise<Outcome> {
  const startMs = performance.now();
  const pod = `chaos-${Math.random().toString(36).slice(2, 8)}`;
  const containers = [ticks.beacon('main', { megabytes: 8 }), ticks.beacon('other', { megabytes: 2, periodMs: 20 })];
  const codes: number[] = [];
  const outcome = (verdict: Outcome['verdict'], end: Outcome['end'], why: readonly string[]): Outcome => ({
    cell: cell.name,
    verdict,
    end,
    codes,
    why,
    ms: Math.round(performance.now() - startMs),
    commit,
  });
  await startPod(podOf(pod, [], { containers, terminationGracePeriodSeconds: 5 }));
  try {
    const said: string[] = [];
    const missed = await moveWithFault(cell, pod, containers.length, codes, said);
    const isDeleted = cell.fault === 'pod deleted';
    const unsettled = await settle(pod, codes, said);
    const end = isDeleted ? 'deleted' : await whereItTicks(ticks, pod);
    const why = [...unsettled, ...copies(ticks, pod, end), ...(await rest(pod))];
    if (missed !== undefined) return outcome('missed', end, [missed, ...why]);
    return why.length === 0 ? outcome('good', end, why) : outcome('bad', end, [...why, ...said]);
  } finally {
    // What cannot be deleted is left, and told: whoever runs cells begins the next one on another bed.
    await kubectl('home', 'delete', 'pod', pod, '--grace-period=1', '--ignore-not-found', '--wait', '--timeout=60s');
    await kubectl('away', 'delete', 'shadowpods,pods', '--grace-period=1', '--ignore-not-found', '--wait=false', '-l', `app=${pod}`);
  }
}

/** @returns why the fault does not count */
async function moveWithFault(cell: Cell, pod: string, containers: number, codes: number[], said: string[]): Promise<string | undefined> {
  const { command, ended } = await start(pod, said);
  const watch = await Watch.of(command, containers);
  let heal: (() => Promise<void>) | undefined;
  try {
    const goOn = await untilOpen(cell.window, watch);
    const fromMs = performance.timeOrigin + performance.now();
    let nothing: string | undefined;
    heal = await inflict(cell.fault, { pod, command }).catch((error: unknown) => {
      nothing = (error as Error).message;
      return undefined;
    });
    const toMs = performance.timeOrigin + performance.now();
    goOn();
    codes.push(await ended);
    return nothing ?? whyMissed(cell.window, watch.seen, { fromMs, toMs }, lagMs);
  } finally {
    watch.stop();
    await heal?.();
  }
}

/** @param said gets the last words of the command */
async function start(pod: string, said: string[]): Promise<{ command: ChildProcess; ended: Promise<number> }> {
  const { command: words, env } = await insideBed(['kubectl-migrate', pod, '-n', 'demo', '--to', 'away', '--events']);
  const command = spawn(words[0] ?? '', words.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  command.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number>((resolve) => {
    const timer = setTimeout(() => command.kill('SIGKILL'), commandDeadlineMs);
    command.once('close', (code) => {
      clearTimeout(timer);
      said.push(`exit code ${code}: ${stderr.trim().split('\n').slice(-6).join(' | ')}`);
      resolve(code ?? 137);
    });
  });
  return { command, ended };
}

/**
 * Gives the same command again as long as the last one says that something is left to be done, or could say nothing.
 *
 * @returns what remained unsettled
 */
async function settle(pod: string, codes: number[], said: string[]): Promise<string[]> {
  while (codes.at(-1) === 4 || codes.at(-1) === 137) {
    if (codes.length > mostTries) return [`still exit code ${codes.at(-1)} after the command was given ${codes.length} times`];
    const { command, ended } = await start(pod, said);
    command.stdout?.resume();
    codes.push(await ended);
  }
  return [];
}

async function whereItTicks(ticks: Ticks, pod: string): Promise<'moved' | 'stayed' | 'lost'> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    const since = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const heard = ticks.of(pod).filter(({ receivedMs }) => receivedMs > since);
    if (heard.some(({ side }) => side === 'away')) return 'moved';
    if (heard.some(({ side }) => side === 'home')) return 'stayed';
  }
  return 'lost';
}

function copies(ticks: Ticks, pod: string, end: Outcome['end']): string[] {
  if (end === 'lost') return ['it ticks nowhere any more'];
  const wentAway = ticks.of(pod).some(({ side }) => side === 'away');
  const sides = end === 'moved' || (end === 'deleted' && wentAway) ? (['home', 'away'] as const) : (['home'] as const);
  return faultsIn(ticks.of(pod), { sides });
}

/** What is there that should not be: objects, files, mounts, frozen cgroups; and an object that does not fit the processes. */
async function rest(pod: string): Promise<string[]> {
  const left = await leftoversInTheEnd();
  const twins = await kubectl('away', 'get', 'shadowpod', pod, '-o', 'name');
  const object = await kubectl('home', 'get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}');
  const isVirtual = object.stdout === 'away';
  const odd =
    twins.code === 0 && !isVirtual ? [`a ShadowPod of it is left at the peer while its object names node ${object.stdout || 'none'}`] : [];
  return [...left.map((one) => `left: ${one}`), ...odd, ...frozenOn()];
}
