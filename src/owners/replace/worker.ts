import { isAnswered, type PipelinedRequest } from '../../kube/pipeline.ts';
import type { Pod } from '../../kube/types.ts';
import { byUid, deleteOptions } from './by-name.ts';
import type { PodsAt } from './pods-at.ts';

/** A Job counts a pod that goes with this finalizer as failed, and none that goes without (job_controller.go: trackJobStatusAndRemoveFinalizers). */
export const jobTracking = 'batch.kubernetes.io/job-tracking';

/**
 * For a Job's pod: its tracking finalizer alone comes off first, and it is deleted only as it was then, so that it never goes with
 * the finalizer on.
 */
export async function releaseWorker(holder: Pod, pods: PodsAt): Promise<readonly PipelinedRequest[] | undefined> {
  const { name, uid, finalizers = [] } = holder.metadata;
  if (!finalizers.includes(jobTracking)) return await byUid(holder, pods);
  const body = trackingOff(holder);
  const patch: PipelinedRequest = { method: 'PATCH', path: pods.path(name), body, contentType: 'application/json-patch+json' };
  const [answer] = await pods.write(name, [patch], 10_000);
  if (!isAnswered(answer) || answer.code !== 200) return undefined;
  const { resourceVersion } = (answer.body as Pod).metadata;
  return [{ method: 'DELETE', path: pods.path(name), body: deleteOptions({ uid, resourceVersion }) }];
}

/** The JSON patch that takes the tracking finalizer off this pod, and no other one of it. */
export function trackingOff({ metadata: { uid, finalizers = [] } }: Pod): unknown {
  const path = `/metadata/finalizers/${finalizers.indexOf(jobTracking)}`;
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path, value: jobTracking },
    { op: 'remove', path },
  ];
}
