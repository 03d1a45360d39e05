import { scaled } from '../../deadlines.ts';
import { errorOfStatus, type Status } from '../../kube/errors.ts';
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
  const index = `/metadata/finalizers/${finalizers.indexOf(jobTracking)}`;
  const body = [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: index, value: jobTracking },
    { op: 'remove', path: index },
  ];
  const patch: PipelinedRequest = { method: 'PATCH', path: pods.path(name), body, contentType: 'application/json-patch+json' };
  const [answer] = await pods.write(name, [patch], scaled(10_000));
  if (isAnswered(answer) && answer.code === 403) throw errorOfStatus(answer.body as Status, answer.code);
  if (!isAnswered(answer) || answer.code !== 200) return undefined;
  const { resourceVersion } = (answer.body as Pod).metadata;
  return [{ method: 'DELETE', path: pods.path(name), body: deleteOptions({ uid, resourceVersion }) }];
}
