import { existsSync, lstatSync, readFileSync, readlinkSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { hostProc, nodeDir, onHost } from './host.ts';

/** Leads to the folder that has one folder for each pod which this node's kubelet knows, named by its UID. */
const podsLink = `${nodeDir}/pods`;

/**
 * Lets everybody on the node know where the kubelet keeps its pods: it can be told to keep them anywhere, and the runtime
 * wrapper asks there whether the node still has a pod.
 *
 * @throws Error when it cannot be told
 */
export function linkKubeletPods(): void {
  const folder = kubeletPods(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync(`${hostProc}/1/mountinfo`, 'utf8'));
  const draft = onHost(`${podsLink}.${process.pid}-${Math.random().toString(36).slice(2)}`);
  symlinkSync(folder, draft);
  renameSync(draft, onHost(podsLink));
}

/** Whether the node's kubelet knows the pod: from before its sandbox is made until after all of it is taken away. */
export function isPodOnNode(uid: string): boolean {
  return existsSync(onHost(`${readlinkSync(onHost(podsLink))}/${uid}`));
}

/**
 * Found by what the kubelet mounted from there into our own container: a mount tells its file system and the place in it, and
 * the node has that file system somewhere.
 */
function kubeletPods(own: string, nodes: string): string {
  const ours = mountsOf(own).filter(({ root }) => /\/pods\/[^/]+\/(?:etc-hosts|containers\/|volumes\/)/.test(root));
  for (const { device, root, at } of ours) {
    for (const theirs of mountsOf(nodes)) {
      if (theirs.device !== device || !isBelow(root, theirs.root)) continue;
      const path = `${theirs.at === '/' ? '' : theirs.at}${theirs.root === '/' ? root : root.slice(theirs.root.length)}`;
      if (isSameFile(at, onHost(path))) return path.slice(0, path.indexOf('/pods/') + '/pods'.length);
    }
  }
  throw new Error("cannot find the kubelet's folder of pods on this node");
}

interface Mount {
  readonly device: string;
  readonly root: string;
  readonly at: string;
}

function mountsOf(mountinfo: string): Mount[] {
  const lines = mountinfo.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [, , device = '', root = '', at = ''] = line.split(' ').map((field) => field.replace(/\\040/g, ' '));
    return { device, root, at };
  });
}

function isBelow(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), lstatSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}
