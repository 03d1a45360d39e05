import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { cgroupsOf } from '../bed/cgroups.ts';
import type { BedNode } from '../bed/layout.ts';

/** A process of a node of the bed, under the number that this machine knows. */
export interface NodeProcess {
  readonly pid: number;
  /** The words of its command line. */
  readonly words: readonly string[];
  /** The program's path as its own mount namespace has it. */
  readonly program: string;
}

/** All processes of a node, also those in its pods. Found by the node's cgroups, which all of them are below. */
export function processesOf(node: BedNode): NodeProcess[] {
  const [folder = ''] = cgroupsOf(node);
  const marker = `/${folder.split('/').at(-1)}`;
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const isOurs = readFileSync(`/proc/${entry}/cgroup`, 'utf8')
        .split('\n')
        .some((line) => line.endsWith(marker) || line.includes(`${marker}/`));
      if (!isOurs) return [];
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').slice(0, -1);
      return [{ pid: Number(entry), words, program: readlinkSync(`/proc/${entry}/exe`) }];
    } catch {
      return []; // ended while we looked, or of the kernel
    }
  });
}

/** Sends a signal to all that match, again for those that come meanwhile. @returns how many got it */
export function signalAll(nodes: readonly BedNode[], matches: (one: NodeProcess) => boolean, signal: NodeJS.Signals): number {
  const hit = nodes.flatMap(processesOf).filter(matches);
  let count = 0;
  for (const { pid } of hit) {
    try {
      process.kill(pid, signal);
      count++;
    } catch {
      // ended meanwhile
    }
  }
  return count;
}
