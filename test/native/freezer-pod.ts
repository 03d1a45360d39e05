import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { expect } from 'vitest';
import { must } from '../../build/run.ts';

/** Compiles the counting program. */
export async function compileSpin(path: string): Promise<void> {
  await must(['gcc', '-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', path, join(import.meta.dirname, 'spin.c')]);
}

const roots = {
  1: '/sys/fs/cgroup/freezer',
  2: existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified',
};
export type FreezerVersion = keyof typeof roots;

/** Whether this machine lets a test of that version run. */
export function hasFreezer(version: FreezerVersion): boolean {
  return existsSync(version === 1 ? roots[1] : `${roots[2]}/cgroup.procs`);
}

/** Those that this machine has. */
export const freezerVersions = ([1, 2] as const).filter((version) => hasFreezer(version));

/** A cgroup of this test's own, with one below it for each container, and programs in those that count what they run. */
export class FreezerPod {
  readonly folder: string;
  readonly version: FreezerVersion;
  readonly #counts: string;
  readonly #spin: string;

  private constructor(folder: string, version: FreezerVersion, counts: string, spin: string) {
    this.folder = folder;
    this.version = version;
    this.#counts = counts;
    this.#spin = spin;
  }

  /** @param counts a folder for what the programs count. @param spin the compiled program */
  static async make(version: FreezerVersion, counts: string, spin: string): Promise<FreezerPod> {
    const folder = await mkdtemp(join(roots[version], 'kubectl-migrate-test-'));
    return new FreezerPod(folder, version, counts, spin);
  }

  folderOf(id: string): string {
    return join(this.folder, id);
  }

  /** A container whose processes run. */
  async run(id: string): Promise<void> {
    await mkdir(this.folderOf(id));
    // It moves itself first, so that its child is born there.
    const script = 'echo $$ > "$1/cgroup.procs" && exec "$2" "$3"';
    spawn('sh', ['-c', script, 'sh', this.folderOf(id), this.#spin, this.countsOf(id)], { stdio: 'ignore' });
    await expect.poll(() => Math.min(...this.counts(id)), { interval: 5, timeout: 5000 }).toBeGreaterThan(0);
  }

  countsOf(id: string): string {
    return join(this.#counts, id);
  }

  /** How far each of the container's two processes has counted. */
  counts(id: string): number[] {
    const buffer = Buffer.alloc(16);
    if (!existsSync(this.countsOf(id))) return [0, 0];
    const file = openSync(this.countsOf(id), 'r');
    readSync(file, buffer, 0, 16, 0);
    closeSync(file);
    return [Number(buffer.readBigUInt64LE(0)), Number(buffer.readBigUInt64LE(8))];
  }

  order(folder: string, isFreeze: boolean): void {
    if (this.version === 1) writeFileSync(`${folder}/freezer.state`, isFreeze ? 'FROZEN' : 'THAWED');
    else writeFileSync(`${folder}/cgroup.freeze`, isFreeze ? '1' : '0');
  }

  isFrozen(folder: string): boolean {
    return this.version === 1
      ? readFileSync(`${folder}/freezer.state`, 'utf8').trim() === 'FROZEN'
      : readFileSync(`${folder}/cgroup.events`, 'utf8').includes('frozen 1');
  }

  async freeze(folder: string): Promise<void> {
    await expect
      .poll(
        () => {
          this.order(folder, true);
          return this.isFrozen(folder);
        },
        { interval: 2 },
      )
      .toBe(true);
  }

  members(id: string): number[] {
    try {
      return readFileSync(`${this.folderOf(id)}/cgroup.procs`, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(Number);
    } catch {
      return [];
    }
  }

  /** Ends what a failed test may have left, and removes the cgroups. */
  async remove(ids: readonly string[]): Promise<void> {
    for (const folder of [this.folder, ...ids.map((id) => this.folderOf(id))].filter((path) => existsSync(path))) {
      for (const pid of ids.flatMap((id) => this.members(id))) process.kill(pid, 'SIGKILL');
      this.order(folder, false);
    }
    for (const id of ids) {
      await expect.poll(() => this.members(id)).toEqual([]);
      await expect
        .poll(async () => rmdir(this.folderOf(id)).catch((error: NodeJS.ErrnoException) => error.code !== 'ENOENT'))
        .not.toBe(true);
      await rm(this.countsOf(id), { force: true });
    }
    await rmdir(this.folder);
  }
}

/** What a hook writes of a held container. */
export async function writeHeld(held: string, pod: FreezerPod, ids: readonly string[], byId: string): Promise<void> {
  await mkdir(byId, { recursive: true });
  await writeFile(join(held, 'pod'), `${pod.folder}\n`);
  for (const id of ids) {
    await writeFile(join(held, id), `${pod.folderOf(id)}\n`);
    await must(['ln', '-s', `../${held.split('/').at(-1)}`, join(byId, id)]);
  }
}
