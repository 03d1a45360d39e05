import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { must } from '../build/run.ts';
import type { Platform } from './platforms.ts';
import { scriptNames } from './scripts.ts';

const emulator = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];
const emulatorPackages = [
  'qemu-user-static',
  'libc6-arm64-cross',
  'libstdc++6-arm64-cross',
  'libgcc-s1-arm64-cross',
  'libatomic1-arm64-cross',
];

/**
 * Makes V8's compiled form of each script, by the very Node.js of the platform after a run of the command line, so that
 * it holds the functions that a start needs.
 *
 * @param folder where the scripts are, and the files to be made
 * @returns the files' names; none for a platform whose programs this machine cannot run
 */
export async function makeCodeCaches(platform: Platform, node: string, folder: string): Promise<string[]> {
  if (platform.os !== 'linux') return [];
  // The seed of V8's hashes gets into the cache: fixed, so that a release can be made again. Fixed by this flag and no
  // other: V8 rejects a cache that was made under --hash-seed or --single-threaded.
  const repeatable = ['--random-seed=1'];
  // An empty environment: what a start compiles depends on it (CI, NODE_ENV, NO_COLOR).
  const apart = ['env', '-i', `PATH=${process.env['PATH'] ?? ''}`];
  await must([...apart, ...(await runnerOf(platform)), node, ...repeatable, join(import.meta.dirname, 'warm-up.ts'), folder]);
  return scriptNames.map((name) => `${name}.cache`);
}

/** What runs programs of that platform here: nothing, or an emulator. */
export async function runnerOf({ arch }: Platform): Promise<string[]> {
  if (arch === 'amd64') return [];
  await requirePackages(emulatorPackages);
  return emulator;
}
