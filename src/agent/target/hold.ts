import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { claimedFolders } from '../cgroup/frozen-list.ts';
import { onHost, runDir } from '../node/host.ts';
import { processesByContainer, requireStanding } from './container-tasks.ts';
import type { HeldFiles } from './held-files.ts';

/** A restored container that stands still by its freezer cgroup. */
export interface Held {
  readonly container: string;
  readonly id: string;
  /** Of the freezer, on the node. */
  readonly folder: string;
}

/** @throws Error when its hook has not told where it is */
export function findHeld(files: HeldFiles, container: string, id: string): Held {
  const folder = files.folderOf(id);
  if (folder === undefined) throw new Error(`container ${container} was restored without its hook`);
  return { container, id, folder };
}

/**
 * What holds must be more than frozen: the runtime may have been asked to stop it (a TERM can get lost without a trace), and
 * what SIGKILL is pending at dies when it is thawed.
 *
 * @throws Error naming the container and why it is not held
 */
export function requireHeld(files: HeldFiles, all: readonly Held[]): void {
  const processes = processesByContainer(all.map(({ id }) => id));
  for (const held of all) {
    try {
      requireFrozen(files, held);
      const own = processes.get(held.id) ?? [];
      if (own.length === 0) throw new Error('it has no process');
      for (const pid of own) requireStanding(pid);
    } catch (error) {
      throw notHeld(held, error as NodeJS.ErrnoException);
    }
  }
}

/** The same as far as it can be seen at a glance: for all the time that it has to hold. */
export function requireStillHeld(files: HeldFiles, all: readonly Held[]): void {
  for (const held of all) {
    try {
      requireFrozen(files, held);
    } catch (error) {
      throw notHeld(held, error as NodeJS.ErrnoException);
    }
  }
}

function requireFrozen(files: HeldFiles, { id, folder }: Held): void {
  if (!isFrozen(folder)) throw new Error('its cgroup is not frozen');
  if (files.wasStopped(id)) throw new Error('the runtime was asked to stop it');
}

function notHeld({ container }: Held, { code, message }: NodeJS.ErrnoException): Error {
  // Its cgroup, its process or its task has gone while we looked.
  const isGone = code === 'ENOENT' || code === 'ESRCH' || code === 'ENODEV';
  return new Error(`container ${container} does not stand still any more: ${isGone ? 'it is gone' : message}`);
}

/** How long the pod's cgroup may take to freeze over containers that stand still already. */
const armDeadlineMs = 2_000;

/**
 * Freezes the pod's cgroup over its containers and lets go of each: from now on one write lets all of them run, and no death
 * between two writes can leave half a pod running. For the moment before the commit only: the runtime takes such a container for
 * a running one.
 *
 * @throws Error when the pod does not freeze; {@link disarm} is to be called then
 */
export async function arm(all: readonly Held[], podUid: string): Promise<string> {
  const pod = podFolder(all, podUid);
  freeze(pod);
  for (const end = performance.now() + scaled(armDeadlineMs); !isFrozen(pod); await delay(1))
    if (performance.now() > end) throw new Error(`the cgroup of the pod does not freeze: ${pod}`);
  for (const { folder } of all) thaw(folder);
  return pod;
}

/** Each container is frozen by itself again, whoever of them is still there. */
export function disarm(all: readonly Held[], podUid: string): void {
  for (const { folder } of all) if (existsSync(onHost(folder))) freeze(folder);
  const pod = podFolder(all, podUid);
  if (existsSync(onHost(pod))) thaw(pod);
}

/** @throws Error when it still stands; a pod that is gone as a whole does not */
export function letGo(pod: string): void {
  if (!existsSync(onHost(pod))) return;
  thaw(pod);
  if (isFrozen(pod)) throw new Error(`the cgroup of the pod does not thaw: ${pod}`);
}

/**
 * Whether all that was restored stands still, or is gone. With the decision `kill` it will never run then: who could let it run asks for
 * that, and its kubelet ends it when its pod is deleted. We cannot: a helper at the peer sees no process of the node.
 */
export function standsOrIsGone(files: HeldFiles): boolean {
  return files.begun().every((id) => {
    const folder = files.folderOf(id);
    return folder !== undefined && (!existsSync(onHost(folder)) || isFrozen(folder));
  });
}

/** How long what was thawed may take to stand no more. */
const thawDeadlineMs = 2_000;

/**
 * Carries out the decision `go`, as whoever finds it must: agent and keepers may all have died between that and the thaw, and then
 * nobody else ever lets the pod run. What runs already is not touched by it, and what is gone keeps none of its siblings. A pod
 * that stands to be moved on from here has run, and is its source guard's.
 *
 * @returns whether nothing of the pod stands any more; false when that cannot be told
 */
export async function carryOutGo(files: HeldFiles): Promise<boolean> {
  // The pod's last: when it was frozen over its containers, one write lets all of them run.
  const folders = [...files.begun().map((id) => files.folderOf(id)), files.folderOfPod()];
  const known = folders.filter((folder) => folder !== undefined);
  const claimed = claimedFolders(onHost(`${runDir}/pods`));
  for (const deadline = performance.now() + scaled(thawDeadlineMs); ; await delay(5)) {
    const standing = known.filter((folder) => !claimed.has(folder) && !isLetGo(folder));
    if (standing.length === 0) return known.length === folders.length;
    if (performance.now() > deadline) return false;
  }
}

/** Thaws one. @returns whether it is thawed now, or gone */
function isLetGo(folder: string): boolean {
  try {
    thaw(folder);
    const isFreezing = isVersion1(folder) ? read(folder, 'freezer.state') !== 'THAWED' : read(folder, 'cgroup.freeze') !== '0';
    return !isFreezing && !isFrozen(folder);
  } catch {
    return !existsSync(onHost(folder));
  }
}

/**
 * The cgroup that the kubelet made for the pod.
 *
 * @throws Error when the containers have none of their own in common: a cgroup further up holds other pods as well
 */
export function podFolder(all: readonly Held[], podUid: string): string {
  const [first, ...others] = all.map(({ folder }) => dirname(folder));
  const isPods = first !== undefined && [podUid, podUid.replaceAll('-', '_')].some((uid) => first.split('/').at(-1)?.includes(uid));
  if (!isPods || others.some((folder) => folder !== first)) throw new Error(`the containers of pod ${podUid} have no cgroup in common`);
  return first;
}

function isVersion1(folder: string): boolean {
  return existsSync(onHost(`${folder}/freezer.state`));
}

function freeze(folder: string): void {
  if (isVersion1(folder)) writeFileSync(onHost(`${folder}/freezer.state`), 'FROZEN');
  else writeFileSync(onHost(`${folder}/cgroup.freeze`), '1');
}

function thaw(folder: string): void {
  if (isVersion1(folder)) writeFileSync(onHost(`${folder}/freezer.state`), 'THAWED');
  else writeFileSync(onHost(`${folder}/cgroup.freeze`), '0');
}

/** Whether every task stands still, by its own cgroup or by one above it. */
function isFrozen(folder: string): boolean {
  if (isVersion1(folder)) return read(folder, 'freezer.state') === 'FROZEN';
  return /^frozen 1$/m.test(read(folder, 'cgroup.events'));
}

function read(folder: string, file: string): string {
  return readFileSync(onHost(`${folder}/${file}`), 'utf8').trim();
}
