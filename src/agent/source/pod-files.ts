import { readFileSync } from 'node:fs';
import { sendTree } from '../files/pack.ts';
import { changesBetween, snapshotTree, type Tree, type TreeSnapshot } from '../files/tree.ts';
import { hostProc } from '../node/host.ts';
import type { PeerLink } from '../peer/link.ts';
import type { NodeContainer } from '../runc/container.ts';
import { processesOf } from '../proc/processes.ts';

interface Base {
  readonly snapshot: TreeSnapshot;
  readonly takenNs: bigint;
}

const nothingSent: Base = { snapshot: new Map(), takenNs: 0n };

/** Sends the pod's files in two rounds: everything while the pod runs, then what has changed, while it stands still. */
export class PodFiles {
  readonly #bases = new Map<string, Base>();

  async sendBase(link: PeerLink, trees: readonly Tree[]): Promise<void> {
    for (const tree of trees) {
      const takenNs = BigInt(Date.now()) * 1_000_000n;
      const snapshot = snapshotTree(tree);
      await sendTree(link, 'base', tree, changesBetween(new Map(), snapshot, 0n, new Set()), false);
      this.#bases.set(tree.name, { snapshot, takenNs });
    }
  }

  /** @param trees found anew: by now a process may hold other files */
  async sendLast(link: PeerLink, trees: readonly Tree[], containers: readonly NodeContainer[]): Promise<void> {
    const mapped = mappedInodes(containers);
    await Promise.all(
      trees.map(async (tree) => {
        const { snapshot, takenNs } = this.#bases.get(tree.name) ?? nothingSent;
        const changes = changesBetween(snapshot, snapshotTree(tree), takenNs, mapped);
        if (changes.changed.length > 0 || changes.removed.length > 0) await sendTree(link, 'last', tree, changes, true);
      }),
    );
  }
}

/** Files that some process has mapped shared and writable: it can change them without any trace in a time stamp. */
function mappedInodes(containers: readonly NodeContainer[]): Set<bigint> {
  const inodes = new Set<bigint>();
  for (const pid of containers.flatMap(processesOf)) {
    for (const line of readFileSync(`${hostProc}/${pid}/maps`, 'utf8').split('\n')) {
      const inode = /^\S+ .w.s \S+ \S+ (\d+)/.exec(line)?.[1];
      if (inode !== undefined && inode !== '0') inodes.add(BigInt(inode));
    }
  }
  return inodes;
}
