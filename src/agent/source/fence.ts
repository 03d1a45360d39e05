import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { plainSegment } from '../../protocol/names.ts';
import { coverRuntime, uncoverRuntime } from '../node/cover.ts';
import { onHost } from '../node/host.ts';
import { awaitDir } from '../node/install.ts';
import { linkKubeletPods } from '../node/kubelet-pods.ts';
import { putFile } from '../node/small-file.ts';

/**
 * Keeps the kubelet from starting containers of this pod afresh, by its UID: the runtime wrapper refuses them with these words
 * (native/await.c). It stands until it is lowered, the kubelet has the pod no more, or the node is started anew: nothing else takes
 * it down, and no time that passes.
 *
 * @throws Error when the runtime cannot be covered
 */
export async function raiseFence(podUid: string, words: string): Promise<void> {
  linkKubeletPods();
  mkdirSync(onHost(awaitDir), { recursive: true, mode: 0o700 });
  putFile(fenceOf(podUid), `${words}\n${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')}`);
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
