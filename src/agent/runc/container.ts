import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { onHost } from '../node/host.ts';

/** The parts of an OCI runtime specification (config.json) that we read or change. */
export interface RuntimeSpec {
  process: { args: string[]; terminal?: boolean; user?: { uid: number; gid: number } };
  root: { path: string };
  hostname?: string;
  mounts?: { destination: string; type?: string; source?: string; options?: string[] }[];
  annotations?: Record<string, string>;
  linux?: { resources?: { cpu?: Record<string, unknown>; pids?: { limit?: number } }; cgroupsPath?: string };
}

/** A running container as its node's runtime knows it. */
export interface NodeContainer {
  readonly name: string;
  readonly id: string;
  readonly bundle: string;
  readonly runcRoot: string;
  readonly initPid: number;
  readonly cgroupPaths: Readonly<Record<string, string>>;
  readonly spec: RuntimeSpec;
}

/** containerd keeps the bundles of Kubernetes' containers and runc's state of them here. */
export const bundles = '/run/containerd/io.containerd.runtime.v2.task/k8s.io';
export const runcRoot = '/run/containerd/runc/k8s.io';

/**
 * Finds a container by the ID that the pod's status tells, and makes sure that it is that pod's.
 *
 * @param containerId as in `status.containerStatuses[].containerID`, e.g. `containerd://4f1c…`
 * @throws Error when the runtime is another one, or the container is not there or not of that pod
 */
export async function findContainer(name: string, containerId: string, podUid: string): Promise<NodeContainer> {
  const [scheme, id = ''] = containerId.split('://');
  if (scheme !== 'containerd') throw new Error(`container ${name} runs under ${scheme}; only containerd is supported so far`);
  const bundle = `${bundles}/${id}`;
  const spec = await readSpec(bundle).catch((error: Error) => Promise.reject(goneMeanwhile(name, error)));
  const annotations = spec.annotations ?? {};
  if (annotations['io.kubernetes.cri.sandbox-uid'] !== podUid || annotations['io.kubernetes.cri.container-name'] !== name) {
    throw new Error(`container ${id} on the node is not container ${name} of pod ${podUid}`);
  }
  const state = stateOf(name, id);
  return { name, id, bundle, runcRoot, initPid: state.init_process_pid, cgroupPaths: state.cgroup_paths, spec };
}

/** The error that names a container which we know by its ID, and its node knows no more, in the place of a path's. */
export function goneMeanwhile(name: string, error: Error): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENODEV') return error;
  return new Error(`container ${name} was restarted meanwhile, or has ended`, { cause: error });
}

interface RuncState {
  readonly init_process_pid: number;
  /** One for each hierarchy of version 1, or the one of version 2 under the empty name. */
  readonly cgroup_paths: Readonly<Record<string, string>>;
}

function stateOf(name: string, id: string): RuncState {
  try {
    return readState(runcRoot, id);
  } catch (error) {
    throw goneMeanwhile(name, error as Error);
  }
}

function readState(root: string, id: string): RuncState {
  if (!/^[a-f0-9]{16,128}$/.test(id)) throw new Error(`a container has an odd ID: ${JSON.stringify(id).slice(0, 80)}`);
  return JSON.parse(readFileSync(onHost(`${root}/${id}/state.json`), 'utf8')) as RuncState;
}

/** The cgroup folders of a container, as absolute paths of the node. @throws Error when runc does not know it */
export function containerCgroups(root: string, id: string): Readonly<Record<string, string>> {
  return readState(root, id).cgroup_paths;
}

/** The node's number of a container's first process. */
export function containerPid(root: string, id: string): number {
  return readState(root, id).init_process_pid;
}

/** The sandbox that a new container belongs to. */
export function sandboxOf(spec: RuntimeSpec): string {
  return spec.annotations?.['io.kubernetes.cri.sandbox-id'] ?? '';
}

/** @throws Error when the bundle has no readable config.json */
export async function readSpec(bundle: string): Promise<RuntimeSpec> {
  return JSON.parse(await readFile(onHost(`${bundle}/config.json`), 'utf8')) as RuntimeSpec;
}

/** Where the volumes of the container's pod lie on the node: found from the mounts, as the kubelet's folder can be anywhere. */
export function podVolumesDir(spec: RuntimeSpec, podUid: string): string {
  const marker = `/pods/${podUid}/`;
  for (const mount of spec.mounts ?? []) {
    const at = mount.source?.indexOf(marker) ?? -1;
    if (mount.source && at >= 0) return `${mount.source.slice(0, at)}${marker}volumes`;
  }
  throw new Error(`no mount of the container comes from the kubelet's folder of pod ${podUid}`);
}

/** The sandbox's shared memory folder on the node, mounted as /dev/shm; undefined when the pod has another one there. */
export function sharedMemoryDir(spec: RuntimeSpec): string | undefined {
  const source = spec.mounts?.find((mount) => mount.destination === '/dev/shm')?.source;
  return source?.includes('/sandboxes/') ? source : undefined;
}
