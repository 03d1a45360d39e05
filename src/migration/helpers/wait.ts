import { MigrateError } from '../../errors.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { waitFor } from '../../kube/wait.ts';
import type { Pod } from '../../kube/types.ts';
import { finding } from '../../preflight/finding.ts';
import { refusalBy } from '../../preflight/refusal.ts';

const startDeadlineMs = 120_000;

/** Why a pod will never run, if it is plain already. */
const hopeless =
  /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull|CreateContainerError|CreateContainerConfigError|RunContainerError)$/;

/**
 * Waits until a helper pod runs.
 *
 * @throws MigrateError naming the container and its reason as soon as it is plain that it never will
 */
export async function untilHelperRuns(connection: KubeConnection, pod: Pod, signal: AbortSignal): Promise<Pod> {
  const { name, namespace } = pod.metadata;
  const running = await waitFor<Pod>(
    connection,
    {
      collection: `/api/v1/namespaces/${namespace}/pods`,
      name,
      what: `helper pod ${namespace}/${name} to run`,
      deadlineMs: startDeadlineMs,
      isDone: (seen) => {
        if (!seen) throw new MigrateError('failed', `helper pod ${namespace}/${name} in cluster ${connection.name} was deleted`);
        requireHope(connection, seen);
        return seen.status?.phase === 'Running' && Boolean(seen.status.podIP);
      },
      describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
    },
    signal,
  );
  if (!running) throw new MigrateError('failed', `helper pod ${namespace}/${name} is gone`);
  return running;
}

function requireHope(connection: KubeConnection, { metadata, status }: Pod): void {
  const where = `helper pod ${metadata.namespace}/${metadata.name} in cluster ${connection.name}`;
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled?.reason === 'Unschedulable') {
    const text = `${where} finds no node at the peer: ${unscheduled.message ?? 'the scheduler does not say why'}`;
    const remedy = 'it tolerates what the moved pod tolerates: add a toleration to that pod, or take the taint away';
    throw refusalBy(finding('KM-UNSCHEDULABLE', { kind: 'pod', name: metadata.name }, text, remedy));
  }
  for (const { name, image, state } of status?.containerStatuses ?? []) {
    const isHopeless = hopeless.test(state?.waiting?.reason ?? '');
    const ended = state?.terminated?.exitCode === 0 ? undefined : state?.terminated;
    const why = isHopeless ? state?.waiting : ended;
    if (why)
      throw new MigrateError(
        'failed',
        `${where} cannot start: container ${name} with image ${image}: ${why.message ?? why.reason ?? 'it failed'}`,
      );
  }
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') {
    throw new MigrateError('failed', `${where} has ended: ${status.message ?? status.reason ?? status.phase}`);
  }
}
