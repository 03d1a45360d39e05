import { readFileSync } from 'node:fs';

/**
 * Bytes that a TCP connection of this network namespace has sent, or is to send, and the other end has not acknowledged: what
 * was written is not what has arrived, by megabytes. 0 for a connection that is not there.
 */
export function unacknowledged(localPort: number, remotePort: number): number {
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readTable(table)) {
      const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/);
      if (portOf(local) === localPort && portOf(remote) === remotePort) return Number.parseInt(queues.split(':')[0] ?? '', 16);
    }
  }
  return 0;
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

function readTable(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1);
  } catch {
    return []; // a kernel without that version of IP
  }
}
