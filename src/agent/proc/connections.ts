import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import type { PeerConnections } from '../../protocol/agent-calls.ts';
import { hostProc } from '../node/host.ts';

/** As /proc/net/tcp numbers the states (include/net/tcp_states.h). */
const established = '01';

/**
 * The TCP connections of a pod with others than itself that a program of it has accepted or made, by the address of the other end.
 *
 * @param pid of one of its processes, in whose network namespace it is looked
 * @param own the pod's addresses
 */
export function connectionsOf(pid: number, own: readonly string[], proc = hostProc): PeerConnections[] {
  return peersIn(['tcp', 'tcp6'].map((name) => read(`${proc}/${pid}/net/${name}`)).join('\n'), own);
}

/** @param table lines of /proc/net/tcp and tcp6. @returns those with the most connections first */
export function peersIn(table: string, own: readonly string[]): PeerConnections[] {
  const counts = new Map<string, number>();
  for (const line of table.split('\n')) {
    const [, , remote = '', state, , , , , , inode] = line.trim().split(/\s+/);
    // One that nobody has accepted yet has no inode.
    if (state !== established || inode === '0') continue;
    const address = addressOf(remote.split(':')[0] ?? '');
    if (address === '' || address.startsWith('127.') || address === '::1' || own.includes(address)) continue;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return [...counts]
    .map(([address, connections]) => ({ address, connections }))
    .toSorted((one, other) => other.connections - one.connections || one.address.localeCompare(other.address));
}

/** The kernel prints each 32 bits as a number of its own, in the machine's order of bytes. */
function addressOf(hex: string): string {
  if (!/^([0-9A-F]{8}){1,4}$/.test(hex)) return '';
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'));
  if (isMapped) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
  return new URL(`http://[${groups}]`).hostname.slice(1, -1); // the short form that others write
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process ended while we looked
  }
}
