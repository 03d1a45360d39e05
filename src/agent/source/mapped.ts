import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostProc, onHost } from '../node/host.ts';
import type { Tree } from '../files/tree.ts';
import type { NodeContainer } from '../runc/container.ts';
import { processesOf } from '../proc/processes.ts';

/**
 * Inodes of files that some process of the pod has mapped shared and writable: it can change them without any trace in a time
 * stamp. In a container's own files a process sees those of the overlay, which has inode numbers of its own; there it is the path
 * that tells.
 *
 * @param trees those of the pod, named as {@link Tree.name} says
 */
export function mappedInodes(containers: readonly NodeContainer[], trees: readonly Tree[]): Set<bigint> {
  const inodes = new Set<bigint>();
  for (const container of containers) {
    const rootfs = trees.find(({ name }) => name === `rootfs.${container.name}`);
    for (const pid of processesOf(container)) {
      for (const [address, inode] of sharedMappings(pid)) {
        inodes.add(inode);
        for (const own of rootfs ? ownInodes(pid, address, rootfs) : []) inodes.add(own);
      }
    }
  }
  return inodes;
}

/** Where the mappings are, as the names in map_files say it, and the inodes that the kernel tells. */
function sharedMappings(pid: number): [string, bigint][] {
  const maps = readFileSync(`${hostProc}/${pid}/maps`, 'latin1');
  return [...maps.matchAll(/^0*([0-9a-f]+)-0*([0-9a-f]+) .w.s \S+ \S+ ([1-9]\d*)/gm)].map(([, from = '', to = '', inode = '0']) => [
    `${from}-${to}`,
    BigInt(inode),
  ]);
}

/** What is mapped there has these in the upper layer and in the overlay; none when it is not of the container's own root file system. */
function ownInodes(pid: number, address: string, { folder, overlay }: Tree): bigint[] {
  const link = `${hostProc}/${pid}/map_files/${address}`;
  try {
    if (statSync(link).dev !== statSync(`${hostProc}/${pid}/root`).dev) return [];
    const path = readlinkSync(link, 'buffer');
    return [folder, overlay?.root ?? folder].map((at) => lstatSync(Buffer.concat([Buffer.from(onHost(at)), path]), { bigint: true }).ino);
  } catch (error) {
    // A file that has no name any more, or a mapping of something else.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
