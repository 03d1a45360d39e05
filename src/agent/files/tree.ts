import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { onHost } from '../node/host.ts';

/** A folder whose content belongs to the pod's state. */
export interface Tree {
  /** Names it for both agents: `volume.NAME`, `projected.NAME`, `rootfs.CONTAINER`, `shm`. */
  readonly name: string;
  /** Absolute path on the node. */
  readonly folder: string;
  /** Whether it is the upper layer of an overlay, in which deletions are marked. */
  readonly isOverlay: boolean;
  /** Only entries whose path starts with one of these travel; all when left out. */
  readonly only?: readonly string[];
}

export interface TreeEntry {
  readonly kind: 'file' | 'folder' | 'deleted' | 'socket';
  readonly inode: bigint;
  readonly bytes: number;
  /** Changes whenever content or attributes of the entry change. */
  readonly stamp: string;
  readonly changedNs: bigint;
}

/** A tree's entries by their relative path; `.` is the folder itself. */
export type TreeSnapshot = ReadonlyMap<string, TreeEntry>;

/** Reads names and attributes of everything below the tree's folder; entries that vanish meanwhile are left out. */
export function snapshotTree(tree: Tree): TreeSnapshot {
  const entries = new Map<string, TreeEntry>();
  const root = onHost(tree.folder);
  const visit = (path: string): void => {
    const isWanted = path === '.' || !tree.only || tree.only.some((start) => path === start || path.startsWith(`${start}/`));
    if (!isWanted) return;
    try {
      const status = lstatSync(join(root, path), { bigint: true });
      const isWhiteout = tree.isOverlay && status.isCharacterDevice() && status.rdev === 0n;
      const kind = isWhiteout ? 'deleted' : status.isDirectory() ? 'folder' : status.isSocket() ? 'socket' : 'file';
      entries.set(path, {
        kind,
        inode: status.ino,
        bytes: Number(status.size),
        stamp: `${status.ino} ${status.size} ${status.mtimeNs} ${status.ctimeNs} ${status.mode} ${status.uid} ${status.gid}`,
        changedNs: status.ctimeNs,
      });
      if (kind !== 'folder') return;
      for (const name of readdirSync(join(root, path))) visit(path === '.' ? name : `${path}/${name}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  };
  visit('.');
  return entries;
}

/** What has to travel to bring a copy of `before` to the state `now`. */
export interface TreeChanges {
  /** Paths to pack. */
  readonly changed: readonly string[];
  /** Paths to remove at the target, whatever is there. */
  readonly removed: readonly string[];
}

/**
 * Compares two snapshots. An entry also counts as changed when it changed so shortly before the first look that a
 * later write could carry the same time stamp (kernel ticks are up to 10 ms), and when a process has it mapped
 * writable: such writes need not touch any time stamp.
 *
 * @param takenNs when `before` was taken, nanoseconds since 1970
 * @param mapped inodes that some process has mapped shared and writable
 */
export function changesBetween(before: TreeSnapshot, now: TreeSnapshot, takenNs: bigint, mapped: ReadonlySet<bigint>): TreeChanges {
  const racyNs = takenNs - 2_000_000_000n;
  const changed: string[] = [];
  const removed: string[] = [];
  for (const [path, entry] of now) {
    const old = before.get(path);
    const isSame = old?.stamp === entry.stamp && entry.changedNs < racyNs && !mapped.has(entry.inode);
    if (isSame || entry.kind === 'socket') continue;
    if (entry.kind === 'deleted') removed.push(path);
    else {
      // A folder in place of a file is handled by tar; anything in place of a folder needs the folder gone first.
      if (entry.kind === 'file') removed.push(path);
      changed.push(path);
    }
  }
  for (const path of before.keys()) if (!now.has(path)) removed.push(path);
  return { changed, removed };
}
