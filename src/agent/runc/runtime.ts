import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { hostProc, onHost } from '../node/host.ts';

/**
 * The path of the program that containerd calls to create containers on this node. containerd-shim looks `runc` up in
 * the PATH that it got from containerd, unless the runtime's options name another binary. Those options lie beside
 * the bundle of every container; our own container (the helper) has the same ones as the pod will have.
 *
 * @throws Error when it cannot be told
 */
export async function findRuntime(): Promise<string> {
  const name = configuredBinary() ?? 'runc';
  if (name.startsWith('/')) return name;
  const found = containerdPath()
    .map((folder) => `${folder}/${name}`)
    .find((path) => existsSync(onHost(path)));
  if (found === undefined) throw new Error(`cannot find ${name} in containerd's PATH on this node`);
  return found;
}

/** BinaryName of the runtime's options (containerd: options.json in the bundle), if there is one. */
function configuredBinary(): string | undefined {
  const bundle = ownBundle();
  if (bundle === undefined) return undefined;
  try {
    const options = JSON.parse(readFileSync(onHost(`${bundle}/options.json`), 'utf8')) as Record<string, unknown>;
    const value = options['binary_name'] ?? options['BinaryName'];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    return undefined; // no options: the default
  }
}

/** Found by the overlay that our root file system is: the node sees the same one mounted in our bundle. */
function ownBundle(): string | undefined {
  const own = overlayAt(readFileSync('/proc/self/mountinfo', 'utf8'), (mountPoint) => mountPoint === '/');
  if (own === undefined) return undefined;
  const mounts = readFileSync(`${hostProc}/1/mountinfo`, 'utf8').split('\n');
  return mounts
    .filter((line) => upperOf(line) === upperOf(own))
    .map((line) => line.split(' ')[4] ?? '')
    .find((mountPoint) => mountPoint.endsWith('/rootfs'))
    ?.slice(0, -'/rootfs'.length);
}

function overlayAt(mountinfo: string, isWanted: (mountPoint: string) => boolean): string | undefined {
  return mountinfo.split('\n').find((line) => upperOf(line) !== undefined && isWanted(line.split(' ')[4] ?? ''));
}

function upperOf(line: string): string | undefined {
  return /[ ,]upperdir=([^, ]+)/.exec(line)?.[1];
}

/** PATH of the containerd process itself. */
function containerdPath(): string[] {
  for (const pid of readdirSync(hostProc).filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`${hostProc}/${pid}/comm`, 'utf8').trim() !== 'containerd') continue;
      const environment = readFileSync(`${hostProc}/${pid}/environ`, 'utf8').split('\0');
      const path = environment.find((one) => one.startsWith('PATH='))?.slice('PATH='.length);
      if (path) return path.split(':').filter((folder) => folder.startsWith('/'));
    } catch {
      // ended while we looked
    }
  }
  return ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
}
