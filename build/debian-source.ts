import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { debianMirror, suite } from './debian-tree.ts';
import { must } from './run.ts';

/**
 * The upstream tarball of a Debian source package, as this machine's own mirror has it. Its apt sources need no line for
 * sources: apt gets one, and its lists a place, for this call only.
 *
 * @param file the tarball's name, with the upstream version
 * @param sha256 hexadecimal
 * @returns its path. @throws Error when the suite has another version by now, or other bytes
 */
export async function debianSource(name: string, file: string, sha256: string): Promise<string> {
  const folder = await cached('source', [name, file, sha256], async (draft) => {
    const own = join(draft, '.apt');
    await mkdir(join(own, 'lists/partial'), { recursive: true });
    await mkdir(join(own, 'cache/archives/partial'), { recursive: true });
    // The keys that debootstrap trusts, too.
    const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
    await writeFile(join(own, 'sources.list'), `deb-src [signed-by=${keys}] ${await debianMirror()} ${suite} main\n`);
    const settings = [
      `Dir::Etc::SourceList=${join(own, 'sources.list')}`,
      'Dir::Etc::SourceParts=-',
      `Dir::State::Lists=${join(own, 'lists')}`,
      `Dir::Cache=${join(own, 'cache')}`,
      // Its own user could not get into the draft.
      'APT::Sandbox::User=root',
    ];
    const apt = async (...args: readonly string[]): Promise<string> =>
      must(['apt-get', '--quiet', ...settings.flatMap((setting) => ['--option', setting]), ...args], { cwd: draft });
    await apt('update');
    await apt('source', '--tar-only', name);
    await rm(own, { recursive: true });
    const [came = 'nothing'] = await readdir(draft);
    if (came !== file) throw new Error(`${suite} has ${came} now, and ${file} is pinned`);
    const sum = createHash('sha256')
      .update(await readFile(join(draft, file)))
      .digest('hex');
    if (sum !== sha256) throw new Error(`${file} is not the tarball that is pinned: it has sha256 ${sum}`);
  });
  return join(folder, file);
}
