import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { runJailed } from '../node/host.ts';

/**
 * Brings the content that {@link sendTree} sent into a folder of this node. Everything runs jailed in that folder: list and
 * archive come from another node, and the folder may be a root file system full of symbolic links.
 *
 * @param staged folder of the received files, as this process sees it
 * @param folder absolute path on the node
 * @throws Error with the tool's own words
 */
export async function unpackTree(staged: string, stage: 'base' | 'last', tree: string, folder: string): Promise<void> {
  const fileOf = (kind: string): string | undefined => [`${staged}/${stage}.${tree}.${kind}`].find((path) => existsSync(path));
  const [gone, archive] = [fileOf('gone'), fileOf('tar')];
  if (gone === undefined && archive === undefined) return;
  const files: FileHandle[] = [];
  const opened = async (path: string): Promise<number> => {
    const file = await open(path);
    files.push(file);
    return file.fd;
  };
  try {
    const input = archive !== undefined ? await opened(archive) : 'ignore';
    const list = await opened(gone ?? '/dev/null');
    const { code, stderr } = await runJailed(folder, ['unpack-tree', archive !== undefined ? 'archive' : 'list'], { files: [input, list] });
    if (code !== 0) throw new Error(`cannot unpack ${tree}: ${stderr.trim().split('\n')[0] || `exit code ${code}`}`);
  } finally {
    await Promise.all(files.map(async (file) => file.close()));
  }
}
