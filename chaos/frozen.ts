import { join } from 'node:path';
import { cgroupsOf } from '../bed/cgroups.ts';
import { nodes } from '../bed/layout.ts';
import { foldersIn, textOf } from './look.ts';

/** Cgroups of the bed's nodes that stand frozen and have processes. */
export function frozenOn(): string[] {
  return nodes.flatMap((node) => {
    const folder = cgroupsOf(node).find((one) => one.includes('/freezer/')) ?? cgroupsOf(node)[0] ?? '';
    return frozenBelow(folder).map((one) => `${node.name}: ${one.slice(folder.length)} is frozen`);
  });
}

function frozenBelow(folder: string): string[] {
  const own = isFrozen(folder) && textOf(join(folder, 'cgroup.procs')) !== '' ? [folder] : [];
  return [...own, ...foldersIn(folder).flatMap((name) => frozenBelow(join(folder, name)))];
}

function isFrozen(folder: string): boolean {
  return textOf(join(folder, 'freezer.state')).startsWith('FROZEN') || /^frozen 1$/m.test(textOf(join(folder, 'cgroup.events')));
}
