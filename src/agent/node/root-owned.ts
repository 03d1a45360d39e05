import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { onHost } from './host.ts';

/** As many as the kernel follows. */
const mostLinks = 40;

/**
 * Makes sure that nobody but the node's root can change what a path of the node means: the file, every folder and every symbolic
 * link on the way to it belong to root, and nobody else may write there. What we run as root goes through this.
 *
 * @returns whether there is such a program; false when the path leads nowhere, or to no program
 * @throws Error naming what somebody else may change
 */
export function isRootsProgram(path: string): boolean {
  const found = follow(path, (here, status) => {
    // Modes of links mean nothing: who may change one is told by its folder.
    if (status.uid !== 0 || (!status.isSymbolicLink() && isWritableByOthers(status)))
      throw new Error(`${here} on this node can be changed by others than root`);
  });
  return found !== undefined && found.status.isFile() && (found.status.mode & 0o111) !== 0;
}

/** @returns where a path of the node leads on the node, without links: the kernel would follow them from our own root; undefined for nowhere */
export function realPathOnNode(path: string): string | undefined {
  return follow(path, () => undefined)?.path;
}

/** @param look is shown every folder and link on the way, and the end */
function follow(path: string, look: (here: string, status: Stats) => void): { readonly path: string; readonly status: Stats } | undefined {
  const left = path.split('/');
  let at = '';
  let links = 0;
  let status: Stats | undefined;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = at.slice(0, Math.max(at.lastIndexOf('/'), 0));
      continue;
    }
    const here = `${at}/${part}`;
    status = statusOf(here);
    if (!status) return undefined;
    look(here, status);
    if (!status.isSymbolicLink()) at = here;
    else if (++links > mostLinks) throw new Error(`${path} leads in a circle on this node`);
    else {
      const target = readlinkSync(onHost(here));
      if (target.startsWith('/')) at = '';
      left.unshift(...target.split('/'));
    }
  }
  return status && { path: at, status };
}

function isWritableByOthers({ mode, gid }: Stats): boolean {
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);
}

function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(onHost(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
