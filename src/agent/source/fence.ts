import { existsSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { plainSegment } from '../../protocol/names.ts';
import { coverRuntime, uncoverRuntime } from '../node/cover.ts';
import { nodeDir, onHost } from '../node/host.ts';
import { awaitDir } from '../node/install.ts';
import { podVolumesDir } from '../runc/container.ts';
import type { SourcePod } from './pod.ts';

/** Where the wrapper looks whether the kubelet still has a pod: the kubelet's own folder of pods, by whatever path it has it. */
const podsLink = `${nodeDir}/pods`;

/**
 * Keeps the kubelet from starting containers of this pod afresh, by its UID: the runtime wrapper refuses them with these words. It
 * stands until it is lowered, or the kubelet has the pod no more: nothing else takes it down, and no time that passes.
 *
 * @throws Error when the runtime cannot be covered
 */
export async function raiseFence(pod: SourcePod, words: string): Promise<void> {
  const [first] = pod.containers;
  if (!first) throw new Error('the pod has no containers');
  linkPods(podVolumesDir(first.spec, pod.uid).slice(0, -`/${pod.uid}/volumes`.length));
  mkdirSync(onHost(awaitDir), { recursive: true, mode: 0o700 });
  const draft = onHost(`${awaitDir}/.fence-${process.pid}`);
  writeFileSync(draft, `${words}\n`, { mode: 0o600 });
  renameSync(draft, fenceOf(pod.uid));
  await coverRuntime();
}

/** Without effect when there is none. */
export async function lowerFence(podUid: string): Promise<void> {
  rmSync(fenceOf(podUid), { force: true });
  await uncoverRuntime();
}

/** Whether the kubelet has that pod, as far as we know where to look: that is known once a fence was raised here. */
export function isPodKnown(podUid: string): boolean {
  try {
    // Read and not followed: an absolute link leads astray where the node's root is not ours.
    return existsSync(onHost(`${readlinkSync(onHost(podsLink))}/${plainSegment(podUid, 'pod UID')}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

function fenceOf(podUid: string): string {
  return onHost(`${awaitDir}/fence.${plainSegment(podUid, 'pod UID')}`);
}

function linkPods(folder: string): void {
  try {
    symlinkSync(folder, onHost(podsLink));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
