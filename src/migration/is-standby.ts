import type { Pod } from '../kube/types.ts';

/** Whether Liqo has made it of a ShadowPod; one of the same name that somebody has made at the peer is not ours to wait for. */
export function isStandby(pod: Pod | undefined): boolean {
  return pod?.metadata.ownerReferences?.some(({ kind, controller }) => kind === 'ShadowPod' && controller === true) ?? false;
}
