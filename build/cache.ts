import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { inTurn } from './turn.ts';

/** The folder of everything that is built once and used by every checkout of this machine. */
export const cacheRoot =
  process.env['KUBECTL_MIGRATE_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kubectl-migrate');

/**
 * Returns the folder `<kind>-<hash of inputs>` of the cache and has `make` fill it when it is not there yet.
 * The folder appears whole or not at all: it is made under another name and renamed, so a killed build leaves
 * nothing that looks finished. Of two that want the same at once one makes it and the other waits.
 *
 * @param inputs whatever the result depends on; order matters
 * @param make fills the (empty) folder whose path it is given
 * @param keep how many entries of the kind may stay, the newest ones; without it all do
 */
export async function cached(
  kind: string,
  inputs: readonly string[],
  make: (folder: string) => Promise<void>,
  keep?: number,
): Promise<string> {
  const folder = cachePath(kind, inputs);
  if (existsSync(folder)) return folder;
  await mkdir(cacheRoot, { recursive: true });
  await inTurn(basename(folder), async () => {
    if (!existsSync(folder)) await fill(folder, kind, make);
  });
  if (keep !== undefined) await prune(kind, keep);
  return folder;
}

async function fill(folder: string, kind: string, make: (folder: string) => Promise<void>): Promise<void> {
  const draft = await mkdtemp(join(cacheRoot, `.draft-${kind}-`));
  try {
    await make(draft);
    await rename(draft, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function prune(kind: string, keep: number): Promise<void> {
  const names = (await readdir(cacheRoot)).filter((name) => name.startsWith(`${kind}-`));
  const aged = await Promise.all(
    names.map(async (name) => ({ path: join(cacheRoot, name), madeAt: (await stat(join(cacheRoot, name))).mtimeMs })),
  );
  for (const { path } of aged.toSorted((a, b) => b.madeAt - a.madeAt).slice(keep)) await rm(path, { recursive: true, force: true });
}

/** Where {@link cached} keeps that entry, made or not. */
export function cachePath(kind: string, inputs: readonly string[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(`${Buffer.byteLength(input)}:`).update(input);
  return join(cacheRoot, `${kind}-${hash.digest('hex').slice(0, 16)}`);
}

/** The contents of files as cache inputs. */
export async function contentsOf(files: readonly string[]): Promise<string[]> {
  return await Promise.all(files.map((file) => readFile(file, 'utf8')));
}
