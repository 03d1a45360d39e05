import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { PodOnNode } from '../../protocol/agent-calls.ts';
import { plainSegment } from '../../protocol/names.ts';
import type { Tree } from '../files/tree.ts';
import { hostProc, onHost } from '../node/host.ts';
import { findContainer, podVolumesDir, sharedMemoryDir, type NodeContainer } from '../runc/container.ts';
import { indexOf, overlayAt } from '../runc/overlay.ts';
import { processesOf } from '../proc/processes.ts';

/** The pod to move, as its node knows it. */
export interface SourcePod {
  readonly name: string;
  readonly uid: string;
  readonly containers: readonly NodeContainer[];
  readonly trees: readonly Tree[];
}

/** @throws Error when a container is not there, not of that pod, or keeps its files in a way that we cannot read */
export async function findPod(pod: PodOnNode): Promise<SourcePod> {
  const containers = await Promise.all(
    pod.containers.map(async ({ name, id }) => findContainer(plainSegment(name, 'container'), id, pod.uid)),
  );
  const [first] = containers;
  if (!first) throw new Error('the pod has no containers');
  const volumes = podVolumesDir(first.spec, pod.uid);
  const trees: Tree[] = pod.volumes.map((name) => ({
    name: `volume.${plainSegment(name, 'volume')}`,
    folder: `${volumes}/kubernetes.io~empty-dir/${name}`,
  }));
  const shared = sharedMemoryDir(first.spec);
  if (shared) trees.push({ name: 'shm', folder: shared });
  for (const container of containers) trees.push({ name: `rootfs.${container.name}`, ...changedFiles(container) });
  trees.push(...heldProjections(pod, volumes, containers));
  const name = first.spec.annotations?.['io.kubernetes.cri.sandbox-name'] ?? '';
  return { name, uid: pod.uid, containers, trees: trees.filter(({ folder }) => existsSync(onHost(folder))) };
}

/** What the container changed in its image's files. */
function changedFiles({ name, bundle }: NodeContainer): Pick<Tree, 'folder' | 'overlay'> {
  const root = `${bundle}/rootfs`;
  const mount = overlayAt(readFileSync(`${hostProc}/1/mountinfo`, 'utf8'), root);
  if (mount === undefined) throw new Error(`the root file system of container ${name} is no overlay`);
  // The upper layer has the one name by which it was changed; which other ones the container sees changed with it, nothing tells.
  if (listed(onHost(indexOf(mount))).length > 0)
    throw new Error(`container ${name} has changed a hard-linked file of its image, and its overlay is mounted with index=on`);
  return { folder: mount.upper, overlay: { root, marks: mount.marks } };
}

const volumeKinds = ['configmap', 'secret', 'projected', 'downward-api'];

/**
 * ConfigMaps, Secrets and tokens lie in a folder named after the time when they were written, another one in each
 * pod. A process that holds such a file (or watches it) can only be restored when the very folder is there, so those
 * that are held travel; opening the path anew reads the target's own.
 */
function heldProjections(pod: PodOnNode, volumes: string, containers: readonly NodeContainer[]): Tree[] {
  const held = containers.some((container) => processesOf(container).some(holdsProjection));
  if (!held) return [];
  return pod.projected.flatMap((name) =>
    volumeKinds
      .map((kind) => `${volumes}/kubernetes.io~${kind}/${plainSegment(name, 'volume')}`)
      .filter((folder) => existsSync(onHost(folder)))
      .map((folder) => ({
        name: `projected.${name}`,
        folder,
        only: readdirSync(onHost(folder)).filter((entry) => timestamped.test(entry)),
      })),
  );
}

const timestamped = /^\.\.\d{4}_\d\d_\d\d_/;

function holdsProjection(pid: number): boolean {
  const links = ['fd', 'map_files'].flatMap((folder) => {
    const path = `${hostProc}/${pid}/${folder}`;
    return listed(path).map((name) => `${path}/${name}`);
  });
  return [...links, `${hostProc}/${pid}/cwd`].some((link) => {
    const target = linkTarget(link);
    return target === 'anon_inode:inotify' || target.split('/').some((part) => timestamped.test(part));
  });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the process ended while we looked
  }
}

function linkTarget(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
