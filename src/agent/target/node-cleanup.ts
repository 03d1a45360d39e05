import { setTimeout as delay } from 'node:timers/promises';
import { install, uninstall } from '../node/install.ts';
import { hasSandbox } from '../runc/container.ts';
import { forgetPod } from './wrapper-mount.ts';

const goneDeadlineSeconds = 30;

/**
 * Clears away what a target agent left on this node when it died.
 *
 * @param outcome whether the pod runs here, all of it; else its object at the peer is gone by now
 * @throws Error while the node still has a pod that did not move: given back, the runtime would start it from nothing
 */
export async function cleanNode(migration: string, namespace: string, pod: string, outcome: { readonly hasMoved: boolean }): Promise<void> {
  await install(migration);
  for (let second = 0; !outcome.hasMoved && hasSandbox(namespace, pod); second++) {
    if (second === goneDeadlineSeconds) throw new Error(`pod ${namespace}/${pod} is still on this node`);
    await delay(1000);
  }
  await forgetPod({ namespace, pod });
  await uninstall(migration);
}
