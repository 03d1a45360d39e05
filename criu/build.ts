import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { cached, contentsOf } from '../build/cache.ts';
import { must } from '../build/run.ts';
import { criuSource } from './source.ts';

/** What a Debian tree must have so that CRIU can be built in it, and run with its libraries. */
export const criuPackages = [
  'gcc',
  'libc6-dev',
  'libcap-dev',
  'libnet1-dev',
  'libnl-3-dev',
  'libprotobuf-c-dev',
  'libprotobuf-dev',
  'make',
  'patch',
  'pkgconf',
  'protobuf-c-compiler',
  'protobuf-compiler',
  'uuid-dev',
  'xz-utils',
];

const settings = [
  'PYTHON=python3',
  // The node's plugins are made for the node's CRIU: ours would fail to load one, and with that every dump.
  'PLUGINDIR=/var/lib/kubectl-migrate/tools/lib/criu',
];

/** What is done inside the tree, in a folder with the tarball and the patches. */
const recipe = `set -e
tar -xJf tarball --strip-components=1
cat *.patch | patch -p1 --fuzz=0
exec make -j"$(nproc)" ${settings.join(' ')} criu
`;

/**
 * Builds our CRIU, or takes it from the cache: the upstream release with the patches of this folder.
 *
 * @param tree a Debian tree with {@link criuPackages}, which stays as it is
 * @returns paths of the program and of its licence. @throws Error with the words of the tool that failed
 */
export async function buildCriu(tree: string): Promise<{ readonly program: string; readonly licence: string }> {
  const { tarball, patches } = await criuSource();
  const inputs = [tree, tarball, recipe, ...(await contentsOf(patches))];
  const folder = await cached('criu', inputs, async (draft) => {
    const scratch = await mkdtemp(join(tmpdir(), 'criu-'));
    try {
      await copyFile(tarball, join(scratch, 'tarball'));
      for (const patch of patches) await copyFile(patch, join(scratch, basename(patch)));
      await writeFile(join(scratch, 'recipe'), recipe);
      // Namespaces of its own: mounts and processes go with the build, however it ends. protoc finds its files by /proc only.
      const apart = ['unshare', '--mount', '--pid', '--fork', '--kill-child', `--mount-proc=${join(tree, 'proc')}`];
      const inside = 'mount --bind "$1" "$0/mnt" && exec chroot "$0" sh -c "cd /mnt && exec sh recipe"';
      await must(['nice', ...apart, 'sh', '-c', inside, tree, scratch], { env: { SOURCE_DATE_EPOCH: await epochOf(tarball, patches) } });
      await copyFile(join(scratch, 'criu/criu'), join(draft, 'criu'));
      await copyFile(join(scratch, 'COPYING'), join(draft, 'COPYING'));
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
  return { program: join(folder, 'criu'), licence: join(folder, 'COPYING') };
}

/**
 * CRIU takes the time of its build as the mark by which it knows its own notes on the node's kernel, /run/criu.kdat, from
 * another build's. A number made of the sources does that, too, and the same sources give the same bytes.
 */
async function epochOf(tarball: string, patches: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(basename(tarball));
  for (const content of await contentsOf(patches)) hash.update(content);
  return String(hash.update(recipe).digest().readUInt32BE() >>> 4);
}
