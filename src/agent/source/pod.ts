import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { PodOnNode } from '../../protocol/agent-calls.ts';
import { plainSegment } from '../../protocol/names.ts';
import type { Overlay, Tree } from '../files/tree.ts';
import { hostProc, onHost } from '../node/host.ts';
import { findContainer, podVolumesDir, sharedMemoryDir, type NodeContainer } from '../runc/container.ts';
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
function changedFiles(container: NodeContainer): { folder: string; overlay: Overlay } {
  const root = `${container.bundle}/rootfs`;
  const mounts = readFileSync(`${hostProc}/1/mountinfo`, 'utf8').split('\n');
  const line = mounts.find((one) => one.split(' ')[4] === root);
  const upper = line === undefined ? undefined : /[ ,]upperdir=([^, ]+)/.exec(line)?.[1];
  if (upper === undefined) throw new Error(`the root file system of container ${container.name} is no overlay`);
  const marks = /[ ,]userxattr(,|$)/.test(line ?? '') ? 'user' : 'trusted';
  return { folder: upper, overlay: { root, marks } };
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
