import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Copies the licences of those Debian packages that own the files, each under its package's name.
 *
 * @param files paths inside the tree, as the packages list them
 * @throws Error when no package owns one of the files, or a package tells no licence
 */
export async function copyDebianLicences(tree: string, files: readonly string[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lists = join(tree, 'var/lib/dpkg/info');
  const wanted = new Set(files);
  for (const list of (await readdir(lists)).filter((name) => name.endsWith('.list'))) {
    const owned = (await readFile(join(lists, list), 'utf8')).split('\n').filter((line) => wanted.delete(line));
    if (owned.length === 0) continue;
    const name = basename(list, '.list').replace(/:\w+$/, '');
    await copyFile(join(tree, 'usr/share/doc', name, 'copyright'), join(folder, name));
  }
  if (wanted.size > 0) throw new Error(`no Debian package owns ${[...wanted].join(', ')}`);
}
