import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../build/run.ts';
import { bundle } from '../release/bundle.ts';
import { ownPlatform } from '../release/executable.ts';
import { packaged } from '../release/packaged.ts';
import { programOf } from '../release/platforms.ts';
import { spreadOf, type Spread } from './cases.ts';

/** How long the packed executable takes from its start to its end, for what a person waits for at a prompt. */
export interface Startup {
  readonly versionMs: Spread;
  readonly helpMs: Spread;
}

export const startupTargetsMs: Readonly<Record<keyof Startup, number>> = { versionMs: 50, helpMs: 120 };
export const startupRuns = 25;

/** Measures the executable of this checkout for this machine, as a release has it. @throws Error when it does not end well */
export async function measureStartup(): Promise<Startup> {
  const scratch = await mkdtemp(join(tmpdir(), 'startup-'));
  try {
    const platform = ownPlatform();
    await must(['tar', '-xzf', await packaged(platform, await bundle()), '-C', scratch]);
    return measure(join(scratch, programOf(platform)));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function measure(program: string): Startup {
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
