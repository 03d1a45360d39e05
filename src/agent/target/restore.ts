import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { addressPairs, rewireSockets } from '../criu/files-image.ts';
import { criuConfig, criuEnvironment, sharedFlags } from '../criu/options.ts';
import { rearmTimers } from '../criu/timers.ts';
import { hostProc, nodeDir, onHost } from '../node/host.ts';
import { stage, stagingDir } from '../node/install.ts';
import { containerPid, runcRoot } from '../runc/container.ts';
import type { AwaitedCreate } from './wrapper-server.ts';

export interface RestorePlan {
  readonly environment: Readonly<Record<string, string>>;
  /** runc's options of `restore`. */
  readonly options: readonly string[];
}

export interface RestoreContext {
  /** Where hooks find us. */
  readonly socket: string;
  /** The folder of {@link HeldFiles}. */
  readonly held: string;
  /** By which words the runtime sets the container's limits again. */
  readonly limits: readonly string[];
  readonly sourceAddresses: readonly string[];
}

/**
 * Prepares the restore of a container whose image files lie complete in the staging folder.
 *
 * @throws Error when the images are not what CRIU writes
 */
export async function prepareRestore(
  migration: string,
  create: AwaitedCreate,
  { socket, held, limits, sourceAddresses }: RestoreContext,
): Promise<RestorePlan> {
  const images = `${stagingDir(migration)}/images-${create.container}`;
  const work = `${stagingDir(migration)}/work-${create.container}`;
  mkdirSync(onHost(work), { recursive: true, mode: 0o700 });
  const config = await stage(migration, 'criu-restore.conf', criuConfig(`${nodeDir}/hook`));
  const files = onHost(`${images}/files.img`);
  const pairs = addressPairs(sourceAddresses.map(addressBytes), podAddresses(create));
  writeFileSync(files, rearmTimers(rewireSockets(readFileSync(files), { addresses: pairs })));
  const mode = existsSync(onHost('/sys/fs/cgroup/cgroup.controllers')) ? 'soft' : 'ignore';
  return {
    environment: {
      ...criuEnvironment(config),
      KUBECTL_MIGRATE_SOCKET: socket,
      KUBECTL_MIGRATE_CONTAINER: create.container,
      KUBECTL_MIGRATE_ID: create.containerId,
      KUBECTL_MIGRATE_HELD: held,
      KUBECTL_MIGRATE_LIMITS: limits.join(' '),
      KUBECTL_MIGRATE_WORK: work,
    },
    options: ['--detach', '--image-path', images, '--work-path', work, ...sharedFlags(mode)],
  };
}

/** The new pod's addresses, read in its network namespace: nobody else knows them this early. */
function podAddresses(create: AwaitedCreate): Buffer[] {
  const pid = containerPid(runcRoot, create.sandbox);
  return [
    ...ipv4Addresses(readFileSync(`${hostProc}/${pid}/net/fib_trie`, 'utf8')),
    ...ipv6Addresses(read(`${hostProc}/${pid}/net/if_inet6`)),
  ];
}

/** Local addresses of a routing trie (/proc/net/fib_trie): the lines before `/32 host LOCAL`. */
export function ipv4Addresses(trie: string): Buffer[] {
  const lines = trie.split('\n');
  const found = new Set<string>();
  lines.forEach((line, index) => {
    const address = /\/32 host LOCAL/.test(line) ? /\|-- (\S+)/.exec(lines[index - 1] ?? '')?.[1] : undefined;
    if (address !== undefined && !address.startsWith('127.')) found.add(address);
  });
  return [...found].map(addressBytes);
}

/** Global addresses of /proc/net/if_inet6: scope 00. */
export function ipv6Addresses(table: string): Buffer[] {
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 6 && fields[3] === '00')
    .map((fields) => Buffer.from(fields[0] ?? '', 'hex'));
}

/** An address in network byte order. @throws Error when it is none */
export function addressBytes(address: string): Buffer {
  const family = isIP(address);
  if (family === 4) return Buffer.from(address.split('.').map(Number));
  if (family !== 6) throw new Error(`${JSON.stringify(address)} is no IP address`);
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a kernel without IPv6
  }
}
