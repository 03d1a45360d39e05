import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { must } from '../../build/run.ts';
import { strictFlags } from './strict.ts';

const native = join(import.meta.dirname, '../../native');

/** Where this machine has freezers: version 1's hierarchy, and version 2's, which can be mounted beside it. */
export type Version = 1 | 2;

export interface Bench {
  readonly folder: string;
  readonly guard: string;
  readonly tracer: string;
  readonly cgroups: (version: Version) => string;
  readonly close: () => Promise<void>;
}

/** Compiles the guard, with sanitizers, and the programs that it is tried on. */
export async function makeBench(guardSources: readonly string[]): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'guard-'));
  const sources = guardSources.map((name) => join(native, name));
  await Promise.all([
    must(['gcc', ...strictFlags, `-DNODE_DIR="${join(folder, 'node')}"`, '-o', join(folder, 'guard'), ...sources]),
    must([
      'gcc',
      '-O2',
      '-std=c11',
      '-D_GNU_SOURCE',
      '-o',
      join(folder, 'stepper'),
      join(import.meta.dirname, '../criu/stepper.c'),
      '-pthread',
    ]),
    must(['gcc', '-O2', '-std=c11', '-D_GNU_SOURCE', '-o', join(folder, 'tracer'), join(import.meta.dirname, 'tracer.c')]),
  ]);
  const unified = join(folder, 'unified');
  mkdirSync(unified);
  await must(['mount', '-t', 'cgroup2', 'none', unified]);
  const roots = { 1: '/sys/fs/cgroup/freezer', 2: unified };
  return {
    folder,
    guard: join(folder, 'guard'),
    tracer: join(folder, 'tracer'),
    cgroups: (version) => roots[version],
    close: async () => {
      await must(['umount', unified]);
      await rm(folder, { recursive: true });
    },
  };
}

/** Processes in a freezer cgroup of their own, each counting in a shared mapping without a system call. */
export class Counting {
  readonly cgroup: string;
  readonly #steps: string;
  readonly #child: ChildProcess;

  private constructor(cgroup: string, steps: string, child: ChildProcess) {
    this.cgroup = cgroup;
    this.#steps = steps;
    this.#child = child;
  }

  static async start(bench: Bench, version: Version, processes = 3, threads = 2): Promise<Counting> {
    const cgroup = await mkdtemp(join(bench.cgroups(version), 'kubectl-migrate-test-'));
    const steps = join(bench.folder, `steps-${Math.random().toString(36).slice(2)}`);
    const child = spawn(
      'sh',
      ['-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', cgroup, join(bench.folder, 'stepper'), steps, `${processes}`, `${threads}`],
      {
        stdio: 'ignore',
      },
    );
    const counting = new Counting(cgroup, steps, child);
    await vi.waitFor(
      () => {
        if (counting.steps().filter((count) => count > 0n).length < processes * threads) throw new Error('not all threads count yet');
      },
      { timeout: 10_000 },
    );
    return counting;
  }

  get pids(): number[] {
    return readFileSync(join(this.cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  }

  /** How far each thread has counted. */
  steps(): bigint[] {
    const bytes = readFileSync(this.#steps);
    return Array.from({ length: bytes.length / 16 }, (_, slot) => bytes.readBigUInt64LE(slot * 16));
  }

  freeze(): void {
    if (this.#isVersion1) writeFileSync(join(this.cgroup, 'freezer.state'), 'FROZEN');
    else writeFileSync(join(this.cgroup, 'cgroup.freeze'), '1');
  }

  thaw(): void {
    if (this.#isVersion1) writeFileSync(join(this.cgroup, 'freezer.state'), 'THAWED');
    else writeFileSync(join(this.cgroup, 'cgroup.freeze'), '0');
  }

  async untilFrozen(): Promise<void> {
    await vi.waitFor(() => {
      const state = this.#isVersion1
        ? readFileSync(join(this.cgroup, 'freezer.state'), 'utf8')
        : readFileSync(join(this.cgroup, 'cgroup.events'), 'utf8');
      if (!/FROZEN|^frozen 1$/m.test(state)) throw new Error(state);
    });
  }

  /** @throws Error when a thread does not count on from here */
  async requireRunning(): Promise<void> {
    const before = this.steps();
    const still = (): number => this.steps().filter((count, slot) => count <= (before[slot] ?? 0n)).length;
    await vi.waitFor(
      () => {
        if (still() > 0) throw new Error(`${still()} of ${before.length} threads stand still`);
      },
      { timeout: 5000, interval: 5 },
    );
  }

  /** Whatever is left of it ends. */
  async remove(): Promise<void> {
    for (const child of await readdir(this.cgroup).catch(() => [])) if (child === 'below') await this.#end(join(this.cgroup, child));
    await this.#end(this.cgroup);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    rmSync(this.#steps, { force: true });
  }

  get #isVersion1(): boolean {
    return this.cgroup.startsWith('/sys/fs/cgroup/freezer');
  }

  async #end(folder: string): Promise<void> {
    const state = join(folder, this.#isVersion1 ? 'freezer.state' : 'cgroup.freeze');
    const procs = (): number[] => readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    try {
      for (const pid of procs()) process.kill(pid, 'SIGKILL');
      writeFileSync(state, this.#isVersion1 ? 'THAWED' : '0');
      await vi.waitFor(
        () => {
          if (procs().length > 0) throw new Error('still there');
          rmdirSync(folder);
        },
        { timeout: 5000 },
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** The claim's folder of a pod, and the staging folder of its migration, as the source agent makes them. */
export class Claim {
  readonly folder: string;
  readonly staging: string;
  readonly pod: string;

  constructor(bench: Bench) {
    this.pod = `pod-${Math.random().toString(36).slice(2)}`;
    const one = join(bench.folder, this.pod);
    this.folder = join(one, '1');
    this.staging = join(one, 'staging');
    mkdirSync(this.folder, { recursive: true });
    mkdirSync(this.staging);
  }

  freeze(...containers: readonly Counting[]): void {
    this.write('frozen', containers.map(({ cgroup, pids }, index) => `c${index}\tid${index}\t${pids[0] ?? 0}\t${cgroup}\n`).join(''));
    for (const container of containers) container.freeze();
  }

  write(name: string, content: string): void {
    const file = openSync(join(this.folder, name), 'wx');
    writeFileSync(file, content);
    closeSync(file);
  }

  async decision(): Promise<string | undefined> {
    const text = await readFile(join(this.folder, 'decision'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as { decision: string }).decision;
  }

  files(): string[] {
    return readdirSync(this.folder).sort();
  }
}

export interface Ended {
  readonly code: number | null;
  readonly said: string[];
}

/** A guard that runs; its end of the pipe is ours. */
export class Guard {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  #said = '';

  constructor(bench: Bench, ...args: readonly string[]) {
    this.#child = spawn(bench.guard, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // With its number comes the word `ready`.
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#said += chunk.toString().replace(/^ready \d+$/m, 'ready')));
    this.#child.stdin?.on('error', () => undefined);
    this.ended = once(this.#child, 'close').then(([code]) => ({
      code: code as number | null,
      said: this.#said.split('\n').filter(Boolean),
    }));
  }

  async says(line: string): Promise<void> {
    await vi.waitFor(
      () => {
        if (!this.#said.split('\n').includes(line)) throw new Error(`it has said ${JSON.stringify(this.#said)}`);
      },
      { timeout: 5000 },
    );
  }

  hear(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** As when the agent is killed. */
  hangUp(): void {
    this.#child.stdin?.end();
  }
}

/** A program with all signals blocked, as a killed CRIU can leave one. */
export async function startBlocked(bench: Bench): Promise<ChildProcess> {
  const program = join(bench.folder, 'blocked');
  if (!existsSync(program)) await must(['gcc', '-O1', '-std=c11', '-D_GNU_SOURCE', '-o', program, join(import.meta.dirname, 'blocked.c')]);
  const child = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}
