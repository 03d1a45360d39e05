import { globSync, readFileSync } from 'node:fs';
import { freezerFolder, type Freezable } from './freezer.ts';

/** A container of the pod as it was when it was last found. */
export interface KnownContainer extends Freezable {
  readonly id: string;
  readonly initPid: number;
}

/** A claim's file `frozen`, which the source guard reads (native/guard.c). */
export function frozenFile(containers: readonly KnownContainer[]): string {
  return containers.map((one) => `${[one.name, one.id, one.initPid, freezerFolder(one)].join('\t')}\n`).join('');
}

/** The freezer folders of all containers that claims on this node list: who stands there, stands for that claim's migration. */
export function claimedFolders(pods: string): Set<string> {
  const lists = globSync(`${pods}/*/*/frozen`);
  return new Set(lists.flatMap((list) => readFrozenFile(readIfThere(list)).map(freezerFolder)));
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '';
  }
}

export function readFrozenFile(text: string): KnownContainer[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', id = '', initPid = '', folder = ''] = line.split('\t');
      const hierarchy = folder.startsWith('/sys/fs/cgroup/freezer/') ? 'freezer' : '';
      return { name, id, initPid: Number(initPid), cgroupPaths: { [hierarchy]: folder } };
    });
}
