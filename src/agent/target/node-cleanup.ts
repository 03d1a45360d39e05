import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { install, uninstall } from '../node/install.ts';
import { isPodOnNode, linkKubeletPods } from '../node/kubelet-pods.ts';
import { forgetPod, seenPods } from './await-entry.ts';
import { isAnyLeft } from './container-tasks.ts';
import { HeldFiles } from './held-files.ts';
import { carryOutGo } from './hold.ts';
import { hasSandbox } from './sandboxes.ts';

const goneDeadlineSeconds = 30;

/**
 * Clears away what a target agent left on this node when it died.
 *
 * @param outcome whether the pod runs here, all of it; else its object at the peer is gone by now
 * @throws Error while the node still has a pod that did not move: given back, the runtime would start it from nothing
 */
export async function cleanNode(migration: string, namespace: string, pod: string, outcome: { readonly hasMoved: boolean }): Promise<void> {
  await install(migration);
  linkKubeletPods();
  const name = { namespace, pod };
  const held = new HeldFiles(migration);
  if (held.isThere && (outcome.hasMoved ? held.decision() : held.decide('kill')) === 'go') {
    // Nobody else is left who would let it run, and then nobody would know any more how.
    if (!(await carryOutGo(held))) throw new Error(`pod ${namespace}/${pod} stands frozen on this node, though it is to run`);
    if (!outcome.hasMoved) throw new Error(`pod ${namespace}/${pod} runs on this node`);
  }
  const isThere = (): boolean => hasSandbox(name) || seenPods(name).some(isPodOnNode) || isAnyLeft(held.begun());
  for (let second = 0; !outcome.hasMoved && isThere(); second++) {
    if (second >= scaled(goneDeadlineSeconds)) throw new Error(`pod ${namespace}/${pod} is still on this node`);
    await delay(1000);
  }
  await forgetPod(name);
  held.remove();
  await uninstall(migration);
}
