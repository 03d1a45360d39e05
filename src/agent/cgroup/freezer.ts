import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { onHost } from '../node/host.ts';
import { goneMeanwhile, type NodeContainer } from '../runc/container.ts';

/** What has to be known of a container to freeze it. */
export type Freezable = Pick<NodeContainer, 'name' | 'cgroupPaths'>;

/**
 * The folder of a container's freezer, as the node sees it. Version 2 of cgroups keeps the freezer in the one hierarchy, version 1 in
 * its own.
 *
 * @throws Error when the container has none
 */
export function freezerFolder(container: Freezable): string {
  const folder = container.cgroupPaths[''] ?? container.cgroupPaths['freezer'];
  if (folder === undefined) throw new Error(`container ${container.name} has no freezer cgroup`);
  return folder;
}

function isUnified(container: Freezable): boolean {
  return container.cgroupPaths[''] !== undefined;
}

function read(container: Freezable, file: string): string {
  return readFileSync(onHost(`${freezerFolder(container)}/${file}`), 'utf8').trim();
}

/**
 * Asks the kernel to freeze the container; see {@link untilFrozen}. Written directly and not through `runc pause`:
 * starting runc once for each container would spread the one instant over tens of milliseconds. Nothing here thaws: that is the
 * source guard's (native/guard.c), which must be watching by now.
 *
 * @throws Error when its cgroup is gone
 */
export function freeze(container: Freezable): void {
  const [file, value] = isUnified(container) ? ['cgroup.freeze', '1'] : ['freezer.state', 'FROZEN'];
  unlessGone(container, () => writeFileSync(onHost(`${freezerFolder(container)}/${file}`), value));
}

/**
 * Whether the container is still meant to stand still: CRIU that dies midway lets it run again, so ask late. A newcomer, whom
 * exec brings into it, is frozen at once but not in no time, and is no reason to say no.
 *
 * @returns undefined when its cgroup is gone
 */
export function isHeld(container: Freezable): boolean | undefined {
  try {
    return isUnified(container) ? read(container, 'cgroup.freeze') === '1' : read(container, 'freezer.state') !== 'THAWED';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENODEV') throw error;
    return undefined;
  }
}

/** Whether every task of the container stands still. @throws Error when its cgroup is gone */
export function isFrozen(container: Freezable): boolean {
  return unlessGone(container, () =>
    isUnified(container) ? /^frozen 1$/m.test(read(container, 'cgroup.events')) : read(container, 'freezer.state') === 'FROZEN',
  );
}

function unlessGone<T>({ name }: Freezable, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw goneMeanwhile(name, error as Error);
  }
}

/**
 * Whether a cgroup above the container is frozen. CRIU hangs then, and the container is dead afterwards.
 */
export function isParentFrozen(container: Freezable): boolean {
  return isUnified(container)
    ? /^frozen 1$/m.test(read(container, '../cgroup.events'))
    : read(container, 'freezer.parent_freezing') !== '0';
}

const freezeMs = 5_000;

/**
 * @param requireWanted throws when the freeze is not wanted any more: what is written after a thaw would stay for ever
 * @throws Error when the container does not stand still within some seconds
 */
export async function untilFrozen(container: Freezable, requireWanted: () => void): Promise<void> {
  const deadline = performance.now() + scaled(freezeMs);
  while (!isFrozen(container)) {
    if (performance.now() > deadline)
      throw new Error(`container ${container.name} does not freeze: a process is in an uninterruptible wait`);
    requireWanted();
    // A v1 freezer can stay in FREEZING after a race with a fork; writing again is what runc does as well.
    freeze(container);
    await delay(1);
  }
}

/**
 * How CRIU must treat cgroups, the same at dump and restore: with version 2 `ignore` would lose the private cgroup
 * namespace, with version 1 it saves 20 to 30 ms.
 */
export function manageCgroupsMode(container: Freezable): 'soft' | 'ignore' {
  return isUnified(container) ? 'soft' : 'ignore';
}
