import { chmod, readFile, readdir } from 'node:fs/promises';
import { requirePackages } from './apt.ts';
import { cached } from './cache.ts';
import { must } from './run.ts';

/** The suite whose containerd and runc are known to work with our CRIU, which is built from its sources. */
export const suite = 'forky';

/**
 * A Debian file tree with those packages, unpacked once and shared by everybody who asks for the same list.
 *
 * @throws Error with debootstrap's words, e.g. when the machine has no Debian mirror
 */
export async function debianTree(packages: readonly string[]): Promise<string> {
  return await cached('tree', [suite, ...packages], async (folder) => {
    await requirePackages(['debootstrap']);
    // The script of sid serves every suite that the host's debootstrap is too old to know.
    const script = '/usr/share/debootstrap/scripts/sid';
    const options = ['--variant=minbase', `--include=${packages.join(',')}`];
    await must(['debootstrap', ...options, suite, folder, await debianMirror(), script]);
    await must(['chroot', folder, 'apt-get', 'clean']);
    await chmod(folder, 0o755);
  });
}

/** The mirror that this machine itself is set up with. @throws Error when it has none */
export async function debianMirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const files = await readdir(folder).catch(() => []);
  const texts = await Promise.all(
    ['/etc/apt/sources.list', ...files.map((name) => `${folder}/${name}`)].map(async (file) => readFile(file, 'utf8').catch(() => '')),
  );
  const mirrors = texts.flatMap((text) => [
    ...[...text.matchAll(/^URIs:\s*(\S+)/gm)].map((match) => match[1] ?? ''),
    ...[...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].map((match) => match[1] ?? ''),
  ]);
  const mirror = mirrors.find((url) => /\/debian\/?$/.test(url));
  if (mirror === undefined) throw new Error("no Debian mirror in this machine's apt sources; put an unpacked tree into the cache instead");
  return mirror;
}
