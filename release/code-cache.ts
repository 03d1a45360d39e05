import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { must } from '../build/run.ts';
import { nameOf, type Platform } from './platforms.ts';

const emulator = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];
const emulatorPackages = ['qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross', 'libgcc-s1-arm64-cross', 'libatomic1-arm64-cross'];

/**
 * V8's compiled form of the program, made by the very Node.js of the platform after a run of the command line, so that
 * it holds the functions that a start needs.
 *
 * @param program file with the bundle
 * @param scratch folder for what is made on the way
 * @returns undefined for a platform whose programs this machine cannot run
 */
export async function codeCache(platform: Platform, node: string, program: string, scratch: string): Promise<Buffer | undefined> {
  if (platform.os !== 'linux') return undefined;
  const output = join(scratch, `${nameOf(platform)}.cache`);
  // The seed of V8's hashes gets into the cache: fixed, so that a release can be made again. Fixed by this flag and no
  // other: V8 rejects a cache that was made under --hash-seed or --single-threaded.
  const repeatable = ['--random-seed=1'];
  // An empty environment: what a start compiles depends on it (CI, NODE_ENV, NO_COLOR).
  const apart = ['env', '-i', `PATH=${process.env['PATH'] ?? ''}`];
  await must([...apart, ...(await runnerOf(platform)), node, ...repeatable, join(import.meta.dirname, 'warm-up.ts'), program, output]);
  return await readFile(output);
}

/** What runs programs of that platform here: nothing, or an emulator. */
export async function runnerOf({ arch }: Platform): Promise<string[]> {
  if (arch === 'amd64') return [];
  await requirePackages(emulatorPackages);
  return emulator;
}
