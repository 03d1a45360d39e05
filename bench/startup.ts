import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, contentsOf } from '../build/cache.ts';
import { bundle } from '../release/bundle.ts';
import { makeExecutable, ownPlatform } from '../release/executable.ts';
import { nodeBinary } from '../release/node-binary.ts';
import { spreadOf, type Spread } from './cases.ts';

/** How long the packed executable takes from its start to its end, for what a person waits for at a prompt. */
export interface Startup {
  readonly versionMs: Spread;
  readonly helpMs: Spread;
}

export const startupTargetsMs: Readonly<Record<keyof Startup, number>> = { versionMs: 50, helpMs: 120 };
export const startupRuns = 25;

/** @throws Error when the executable cannot be made, or does not end well */
export async function measureStartup(): Promise<Startup> {
  const program = await executable();
  // The first ones read the file from the disk.
  for (const flag of ['--version', '--help']) timed(program, flag);
  const versions: number[] = [];
  const helps: number[] = [];
  // In turn, so that what else the machine does falls on both.
  for (let run = 1; run <= startupRuns; run++) {
    versions.push(timed(program, '--version'));
    helps.push(timed(program, '--help'));
  }
  return { versionMs: spreadOf(versions), helpMs: spreadOf(helps) };
}

function timed(program: string, flag: string): number {
  const start = performance.now();
  const { status } = spawnSync(program, [flag], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${program} ${flag} ended with ${status}`);
  return ms;
}

/** The executable of this checkout for this machine, as a release has it. */
async function executable(): Promise<string> {
  const platform = ownPlatform();
  const inside = await bundle();
  const recipe = await contentsOf(['executable', 'code-cache', 'warm-up'].map((name) => join(import.meta.dirname, `../release/${name}.ts`)));
  const folder = await cached('executable', [inside.main, inside.program, await nodeBinary(platform), ...recipe], async (draft) => {
    const scratch = await mkdtemp(join(tmpdir(), 'executable-'));
    try {
      await copyFile(await makeExecutable(platform, inside, scratch), join(draft, 'kubectl-migrate'));
      await chmod(join(draft, 'kubectl-migrate'), 0o755);
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
  return join(folder, 'kubectl-migrate');
}
