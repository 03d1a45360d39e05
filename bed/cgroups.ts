import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prefix, type BedNode } from './layout.ts';

const root = '/sys/fs/cgroup';

/** Whether this machine has the one hierarchy of version 2, or one for each controller. */
export const isUnified = existsSync(join(root, 'cgroup.controllers'));

/** Controllers of version 1 that containerd and kubelet need. */
const legacyControllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'];

/** The cgroup folders of a node, one for each hierarchy. */
export function cgroupsOf(node: BedNode): string[] {
  const name = `${prefix}-${node.name}`;
  return isUnified
    ? [join(root, name)]
    : legacyControllers.filter((one) => existsSync(join(root, one))).map((one) => join(root, one, name));
}

/** Makes the node's cgroups. It will see them as the root of its own cgroup namespace. */
export function makeCgroups(node: BedNode): void {
  for (const folder of cgroupsOf(node)) {
    mkdirSync(folder, { recursive: true });
    // An empty cpuset takes no process; version 1 does not inherit it.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const path = join(folder, file);
      if (!isUnified && existsSync(path)) writeFileSync(path, readFileSync(join(folder, '..', file), 'utf8'));
    }
  }
}

/** The controllers that a node mounts under /sys/fs/cgroup, version 1. */
export function mountedControllers(): string[] {
  return legacyControllers.filter((one) => existsSync(join(root, one)));
}

/** The folders of all cgroups that a node has now, in each hierarchy. */
export function cgroupFoldersOf(node: BedNode): string[] {
  return cgroupsOf(node).flatMap(folders);
}

/** All processes in cgroups of any node of the bed, also of one whose state is lost. */
export function cgroupMembers(): number[] {
  return ownRoots().flatMap((folder) => folders(folder).flatMap((one) => pidsIn(one)));
}

/**
 * Thaws whatever is frozen in the nodes' cgroups. On version 1 a frozen process does not die of SIGKILL, not even when the first
 * process of its PID namespace has: it would outlive its node for ever.
 */
export function thawCgroups(): void {
  for (const folder of ownRoots().flatMap((one) => folders(one))) {
    const path = join(folder, isUnified ? 'cgroup.freeze' : 'freezer.state');
    try {
      if (existsSync(path)) writeFileSync(path, isUnified ? '0' : 'THAWED');
    } catch {
      // the cgroup has just gone, with the processes that it had
    }
  }
}

/** Removes the nodes' cgroups, which must be empty of processes by now. */
export function removeCgroups(): void {
  for (const folder of ownRoots()) {
    for (const one of folders(folder).reverse()) {
      try {
        rmdirSync(one);
      } catch {
        // a last process is still being reaped; the next `up` or `down` gets it
      }
    }
  }
}

function ownRoots(): string[] {
  const hierarchies = isUnified ? [root] : legacyControllers.map((one) => join(root, one)).filter((one) => existsSync(one));
  return hierarchies.flatMap((hierarchy) =>
    readdirSync(hierarchy)
      .filter((name) => name.startsWith(`${prefix}-`))
      .map((name) => join(hierarchy, name)),
  );
}

function folders(folder: string): string[] {
  try {
    const inner = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [folder, ...inner.flatMap((entry) => folders(join(folder, entry.name)))];
  } catch {
    return [];
  }
}

function pidsIn(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}
