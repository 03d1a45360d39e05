import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { runJailed } from '../node/host.ts';
import { firstLine } from './pack.ts';

/**
 * Brings the content that {@link sendTree} packed into a folder of this node. Everything runs jailed in that folder:
 * the archive comes from another node, and the folder may be a root file system full of symbolic links.
 *
 * @param staged folder of the received files, as this process sees it
 * @param folder absolute path on the node
 * @throws Error with the tool's own words
 */
export async function unpackTree(staged: string, stage: 'base' | 'last', tree: string, folder: string): Promise<void> {
  const gone = `${staged}/${stage}.${tree}.gone`;
  if (!existsSync(gone)) return;
  const { removed, emptied } = readGone(gone);
  for (const path of emptied) {
    await mustSucceed(tree, runJailed(folder, ['find', `./${path}`, '-mindepth', '1', '-delete']), true);
  }
  for (let at = 0; at < removed.length; at += 500) {
    await mustSucceed(tree, runJailed(folder, ['rm', '-rf', '--', ...removed.slice(at, at + 500).map((path) => `./${path}`)]));
  }
  const archive = `${staged}/${stage}.${tree}.tar`;
  if (!existsSync(archive)) return;
  await mustSucceed(
    tree,
    runJailed(
      folder,
      ['tar', '--extract', '--numeric-owner', '--same-owner', '--same-permissions', '--acls', '--xattrs', '--xattrs-include=*'],
      { input: createReadStream(archive) },
    ),
  );
}

async function mustSucceed(tree: string, result: ReturnType<typeof runJailed>, mayBeMissing = false): Promise<void> {
  const { code, stderr } = await result;
  if (code !== 0 && !mayBeMissing) throw new Error(`cannot unpack ${tree}: ${firstLine(stderr) || `exit code ${code}`}`);
}

/** @throws Error when the list names anything but paths below the folder */
function readGone(file: string): { removed: string[]; emptied: string[] } {
  const raw = JSON.parse(readFileSync(file, 'utf8')) as { removed?: unknown; emptied?: unknown };
  return { removed: innerPaths(raw.removed), emptied: innerPaths(raw.emptied) };
}

function innerPaths(value: unknown): string[] {
  if (!Array.isArray(value)) throw new Error('a list of removed files is no list');
  return value.map((path: unknown) => {
    const isInner =
      typeof path === 'string' &&
      !path.includes('\0') &&
      !path.startsWith('/') &&
      path.split('/').every((part) => !['', '.', '..'].includes(part));
    if (!isInner) throw new Error(`a removed file has no plain path: ${JSON.stringify(path)?.slice(0, 80)}`);
    return path;
  });
}
