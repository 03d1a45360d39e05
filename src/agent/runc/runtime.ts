import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { hostProc, onHost } from '../node/host.ts';
import { isRootsProgram } from '../node/root-owned.ts';

/**
 * The path of the program that containerd calls to create containers on this node. containerd-shim looks `runc` up in
 * the PATH that it got from containerd, unless the runtime's options name another binary. Those options lie beside
 * the bundle of every container; our own container (the helper) has the same ones as the pod will have.
 *
 * We run it as root on the node, so nothing is believed that a pod can make: no process for its name, no file that is not root's.
 *
 * @throws Error when it cannot be told, or when others than root could change it
 */
export async function findRuntime(): Promise<string> {
  const name = configuredBinary() ?? 'runc';
  const candidates = name.startsWith('/') ? [name] : pathOfShim().map((folder) => `${folder}/${name}`);
  const found = candidates.find(isRootsProgram);
  if (found === undefined) throw new Error(`cannot find ${name} on this node, looked at ${candidates.join(', ')}`);
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

/** PATH of the process that made our own container: it is its parent, the shim of this very runtime. */
function pathOfShim(): string[] {
  const shim = parentOfOurs();
  const environment = readFileSync(`${hostProc}/${shim}/environ`, 'utf8').split('\0');
  const path = environment.find((one) => one.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  return path.split(':').filter((folder) => folder.startsWith('/'));
}

/**
 * Ours are the processes in our own mount namespace, which nobody enters who may not do so on the node; the runtime made the first
 * of them, from outside. Found like this because the numbers that we know of ourselves need not be the node's.
 */
function parentOfOurs(): string {
  const ours = readlinkSync('/proc/self/ns/mnt');
  const parents = processes().flatMap((pid) => (namespaceOf(pid, 'mnt') === ours ? (parentOf(pid) ?? []) : []));
  const outside = parents.find((pid) => namespaceOf(pid, 'mnt') !== ours && isNodes(pid));
  if (outside === undefined) throw new Error('cannot find the process on this node that made the container of the agent');
  return outside;
}

/** Whether root itself runs it, in the node's own namespaces. */
function isNodes(pid: string): boolean {
  const isRoots = /^Uid:\t0\t0\t0\t0$/m.test(statusOf(pid));
  return isRoots && ['mnt', 'pid', 'user'].every((kind) => namespaceOf(pid, kind) === namespaceOf('1', kind));
}

function processes(): string[] {
  return readdirSync(hostProc).filter((entry) => /^\d+$/.test(entry));
}

function parentOf(pid: string): string | undefined {
  return /^PPid:\t(\d+)$/m.exec(statusOf(pid))?.[1];
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`${hostProc}/${pid}/status`, 'utf8');
  } catch {
    return ''; // ended while we looked
  }
}

function namespaceOf(pid: string, kind: string): string | undefined {
  try {
    return readlinkSync(`${hostProc}/${pid}/ns/${kind}`);
  } catch {
    return undefined; // ended while we looked
  }
}
