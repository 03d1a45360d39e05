import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../build/run.ts';
import { bundle } from '../release/bundle.ts';
import { ownPlatform } from '../release/executable.ts';
import { nodeBinary } from '../release/node-binary.ts';
import { packaged } from '../release/packaged.ts';
import { programOf } from '../release/platforms.ts';
import { spreadOf, type Spread } from './cases.ts';

/** How long the packed executable takes from its start to its end, for what a person waits for at a prompt. */
export interface Startup {
  /** The same Node.js with an empty script: what no program in it can much undercut on this machine. */
  readonly floorMs: Spread;
  readonly versionMs: Spread;
  readonly helpMs: Spread;
  /** The names of flags, which need no cluster. */
  readonly completionMs: Spread;
}

export const startupTargetsMs: Readonly<Record<'versionMs' | 'helpMs', number>> = { versionMs: 50, helpMs: 120 };
export const startupRuns = 25;

/** Measures the executable of this checkout for this machine, as a release has it. @throws Error when it does not end well */
export async function measureStartup(): Promise<Startup> {
  const scratch = await mkdtemp(join(tmpdir(), 'startup-'));
  try {
    const platform = ownPlatform();
    await must(['tar', '-xzf', await packaged(platform, await bundle()), '-C', scratch]);
    const empty = join(scratch, 'empty.cjs');
    await writeFile(empty, '');
    return measure(join(scratch, programOf(platform)), [join(await nodeBinary(platform), 'node'), empty]);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function measure(program: string, floor: readonly string[]): Startup {
  const commands = {
    floorMs: floor,
    versionMs: [program, '--version'],
    helpMs: [program, '--help'],
    completionMs: [program, '__complete', '--'],
  };
  // The first ones read the file from the disk.
  for (const command of Object.values(commands)) timed(command);
  const all: Record<keyof Startup, number[]> = { floorMs: [], versionMs: [], helpMs: [], completionMs: [] };
  // In turn, so that what else the machine does falls on all of them.
  for (let run = 1; run <= startupRuns; run++) {
    all.floorMs.push(timed(commands.floorMs));
    all.versionMs.push(timed(commands.versionMs));
    all.helpMs.push(timed(commands.helpMs));
    all.completionMs.push(timed(commands.completionMs));
  }
  return {
    floorMs: spreadOf(all.floorMs),
    versionMs: spreadOf(all.versionMs),
    helpMs: spreadOf(all.helpMs),
    completionMs: spreadOf(all.completionMs),
  };
}

function timed([program = '', ...words]: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${status}`);
  return ms;
}
