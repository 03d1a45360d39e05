import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupsOf } from '../bed/cgroups.ts';
import { nodes } from '../bed/layout.ts';

/** Cgroups of the bed's nodes that stand frozen and have processes. */
export function frozenOn(): string[] {
  return nodes.flatMap((node) => {
    const folder = cgroupsOf(node).find((one) => one.includes('/freezer/')) ?? cgroupsOf(node)[0] ?? '';
    return frozenBelow(folder).map((one) => `${node.name}: ${one.slice(folder.length)} is frozen`);
  });
}

function frozenBelow(folder: string): string[] {
  const own = isFrozen(folder) && read(join(folder, 'cgroup.procs')) !== '' ? [folder] : [];
  return [...own, ...folders(folder).flatMap((name) => frozenBelow(join(folder, name)))];
}

function isFrozen(folder: string): boolean {
  return read(join(folder, 'freezer.state')).startsWith('FROZEN') || /^frozen 1$/m.test(read(join(folder, 'cgroup.events')));
}

function folders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return []; // gone while we looked
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
