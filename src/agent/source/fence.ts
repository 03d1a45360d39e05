import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { plainSegment } from '../../protocol/names.ts';
import { coverRuntime, uncoverRuntime } from '../node/cover.ts';
import { onHost } from '../node/host.ts';
import { awaitDir } from '../node/install.ts';
import { linkKubeletPods } from '../node/kubelet-pods.ts';

/**
 * Keeps the kubelet from starting containers of this pod afresh, by its UID: the runtime wrapper refuses them with these words. It
 * stands until it is lowered, or the kubelet has the pod no more: nothing else takes it down, and no time that passes.
 *
 * @throws Error when the runtime cannot be covered
 */
export async function raiseFence(podUid: string, words: string): Promise<void> {
  linkKubeletPods();
  mkdirSync(onHost(awaitDir), { recursive: true, mode: 0o700 });
  const draft = onHost(`${awaitDir}/.fence-${process.pid}`);
  writeFileSync(draft, `${words}\n`, { mode: 0o600 });
  renameSync(draft, fenceOf(podUid));
  await coverRuntime();
}

/** Without effect when there is none. */
export async function lowerFence(podUid: string): Promise<void> {
  rmSync(fenceOf(podUid), { force: true });
  await uncoverRuntime();
}

function fenceOf(podUid: string): string {
  return onHost(`${awaitDir}/fence.${plainSegment(podUid, 'pod UID')}`);
}
