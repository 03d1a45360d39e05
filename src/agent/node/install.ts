import { randomUUID } from 'node:crypto';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { cp, chmod, mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { deadlineFactor, readDeadlineFactor } from '../../deadlines.ts';
import { plainSegment } from '../../protocol/names.ts';
import { forgetKerndat } from '../criu/kerndat.ts';
import { nodeDir, onHost } from './host.ts';
import { requireOwnVersion } from './program-version.ts';
import { putFile } from './small-file.ts';

/** Where the staging folders lie. */
export const migrationsDir = `${nodeDir}/migrations`;
/** Where the wrapper finds the sockets of those who await a pod on this node, each named NAMESPACE_POD; others are drafts. */
export const awaitDir = `${nodeDir}/await`;
const factorFile = `${nodeDir}/factor`;

/** Our programs on the node, and where our image has them. */
const programs = [
  ['wrapper', '/agent/wrapper'],
  ['hook', '/agent/wrapper'],
  ['noop', '/agent/noop'],
  ['guard', '/agent/guard'],
  ['relay', '/agent/relay'],
] as const;

/** The staging folder of one migration on this node. */
export function stagingDir(migration: string): string {
  return `${migrationsDir}/${plainSegment(migration, 'migration id')}`;
}

/**
 * Puts our tools and a staging folder on the node. Migrations share the tools: each makes its staging folder first
 * and looks afterwards whether everything is there, so one that just cleans up (see {@link uninstall}) is only a
 * reason to try again.
 */
export async function install(migration: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    await mkdir(onHost(nodeDir), { recursive: true, mode: 0o700 });
    await mkdir(onHost(stagingDir(migration)), { recursive: true, mode: 0o700 });
    await requireOwnVersion(() => usersBeside(migration));
    await installOnce(`${nodeDir}/tools`, async (draft) => cp(`${nodeDir}/tools`, draft, { recursive: true, verbatimSymlinks: true }));
    for (const [name, from] of programs) {
      await installOnce(`${nodeDir}/${name}`, async (draft) => {
        await cp(from, draft);
        await chmod(draft, 0o755);
      });
    }
    tellFactor();
    if (isInstalled(migration)) return;
  }
  throw new Error(`other migrations keep removing ${nodeDir} on this node`);
}

/** To our programs (native/deadline.c), for as long as anything of ours is on the node: of several migrations the most patient counts. */
function tellFactor(): void {
  try {
    if (deadlineFactor() > toldFactor()) putFile(onHost(factorFile), String(deadlineFactor()));
  } catch {
    // A full disk, or one that is only read any more, is no reason to leave a pod frozen that we came to let run.
  }
}

/** What our programs on this node go by; 1 where none is told, or can be read. */
export function toldFactor(): number {
  try {
    return readDeadlineFactor(readFileSync(onHost(factorFile), 'utf8')) ?? 1;
  } catch {
    return 1;
  }
}

/** Other migrations that have something on this node: a staging folder, or a pod whose creation is refused. */
function usersBeside(migration: string): string[] {
  const awaiting = existsSync(onHost(awaitDir)) ? readdirSync(onHost(awaitDir)).filter((name) => !name.startsWith('.')) : [];
  return [...readdirSync(onHost(migrationsDir)).filter((name) => name !== migration), ...awaiting];
}

function isInstalled(migration: string): boolean {
  const paths = [stagingDir(migration), `${nodeDir}/made-of`, `${nodeDir}/tools`, ...programs.map(([name]) => `${nodeDir}/${name}`)];
  return paths.every((path) => existsSync(onHost(path)));
}

async function installOnce(path: string, make: (draft: string) => Promise<void>): Promise<void> {
  if (existsSync(onHost(path))) return;
  const draft = onHost(`${path}.draft-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    await make(draft);
    await rename(draft, onHost(path));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Lost the race against another migration that installs the same, or against one that cleans up.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

/**
 * Removes the migration's staging folder, and everything of ours when it was the last. `rmdir` of the migrations'
 * folder is the test: it fails as long as another migration has its folder in it.
 */
export async function uninstall(migration: string): Promise<void> {
  await rm(onHost(stagingDir(migration)), { recursive: true, force: true });
  // A pod that a dead agent awaited here: the wrapper is still mounted, and needs the copy of the runtime.
  if (existsSync(onHost(awaitDir)) && readdirSync(onHost(awaitDir)).some((name) => !name.startsWith('.'))) return;
  try {
    await rmdir(onHost(migrationsDir));
  } catch {
    return;
  }
  // A name of its own: who clears up after a dying agent may be at the same.
  const gone = `${nodeDir}.gone-${migration}-${randomUUID()}`;
  await rename(onHost(nodeDir), onHost(gone)).catch(() => undefined);
  // Another migration came between the test and this: it gets its folder back, unless it has begun anew already.
  const cameBetween = existsSync(onHost(`${gone}${migrationsDir.slice(nodeDir.length)}`));
  if (
    cameBetween &&
    (await rename(onHost(gone), onHost(nodeDir)).then(
      () => true,
      () => false,
    ))
  )
    return;
  forgetKerndat(gone);
  // What had to run outside of the helper's cgroup (native/host-exec.c), where no other place was to be had.
  for (const leaf of ['', '/unified']) await rmdir(onHost(`/sys/fs/cgroup${leaf}/kubectl-migrate`)).catch(() => undefined);
  // Also what an agent has left that ended in the middle of this.
  for (const one of globSync(`${onHost(nodeDir)}.gone-${migration}*`)) await rm(one, { recursive: true, force: true });
}

/** Writes a file of a migration's staging folder on the node. */
export async function stage(migration: string, name: string, content: string): Promise<string> {
  const path = `${stagingDir(migration)}/${plainSegment(name, 'file name')}`;
  await writeFile(onHost(path), content, { mode: 0o600 });
  return path;
}
