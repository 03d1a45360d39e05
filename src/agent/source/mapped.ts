import { readFileSync } from 'node:fs';
import { hostProc } from '../node/host.ts';
import type { NodeContainer } from '../runc/container.ts';
import { processesOf } from '../proc/processes.ts';

/** Inodes of files that some process has mapped shared and writable: it can change them without any trace in a time stamp. */
export function mappedInodes(containers: readonly NodeContainer[]): Set<bigint> {
  const inodes = new Set<bigint>();
  for (const pid of containers.flatMap(processesOf)) {
    for (const line of readFileSync(`${hostProc}/${pid}/maps`, 'utf8').split('\n')) {
      const inode = /^\S+ .w.s \S+ \S+ (\d+)/.exec(line)?.[1];
      if (inode !== undefined && inode !== '0') inodes.add(BigInt(inode));
    }
  }
  return inodes;
}
