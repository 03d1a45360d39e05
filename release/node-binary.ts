import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached } from '../build/cache.ts';
import { must } from '../build/run.ts';
import { nodeVersion, type Platform } from './platforms.ts';

/**
 * Node.js for a platform, from its npm package; on Linux without its symbols, which saves 18 MB.
 *
 * @returns a folder with `node` and, but for Windows, `LICENSE`. @throws Error when the package is not the pinned one
 */
export async function nodeBinary(platform: Platform): Promise<string> {
  const { os, arch, nodePackage, integrity } = platform;
  return await cached('node-binary', [nodePackage, nodeVersion, integrity, 'stripped'], async (draft) => {
    const [listed] = JSON.parse(
      await must(['npm', 'pack', '--json', '--silent', '--pack-destination', draft, `${nodePackage}@${nodeVersion}`]),
    ) as { filename: string }[];
    const tarball = join(draft, listed?.filename ?? '');
    const sum = `sha512-${createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64')}`;
    if (sum !== integrity) throw new Error(`${nodePackage}@${nodeVersion} is not the package that is pinned: it has ${sum}`);
    const scratch = join(draft, 'package');
    await mkdir(scratch);
    await must(['tar', '-xzf', tarball, '-C', scratch, '--strip-components=1']);
    await rename(join(scratch, 'bin', os === 'windows' ? 'node.exe' : 'node'), join(draft, 'node'));
    if (os !== 'windows') await rename(join(scratch, 'LICENSE'), join(draft, 'LICENSE'));
    await rm(scratch, { recursive: true });
    await rm(tarball);
    await chmod(join(draft, 'node'), 0o755);
    if (os === 'linux') {
      await requirePackages(['binutils', 'binutils-aarch64-linux-gnu']);
      await must([arch === 'arm64' ? 'aarch64-linux-gnu-strip' : 'strip', join(draft, 'node')]);
    }
  });
}
