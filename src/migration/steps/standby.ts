import { MigrateError } from '../../errors.ts';
import { isNotFound } from '../../kube/errors.ts';
import { retry } from '../../kube/retry.ts';
import { waitFor } from '../../kube/wait.ts';
import type { Pod } from '../../kube/types.ts';
import { markingPatch, standbyShadowPod } from '../../liqo/standby.ts';
import { createTokenSecret } from '../../liqo/token-secret.ts';
import { withPins } from '../images.ts';
import { requireNoDrift } from '../drift.ts';
import type { UndoList } from '../undo.ts';
import type { Prepared } from '../prepared.ts';

/** How long the peer's kubelet may take for sandbox, network and volumes. */
const armDeadlineMs = 90_000;
/** How long the target agent waits for its pod's containers before it gives the runtime back. */
const awaitSeconds = 300;

export interface Standby extends Prepared {
  /** Path of the ShadowPod at the peer. */
  readonly shadowPod: string;
  /** Path of the Secret with the pod's tokens at the peer, if it mounts any. */
  readonly tokenSecret: string | undefined;
}

/** Makes the pod at the peer, up to the creation of its first container, which the target agent holds. */
export async function standby(prepared: Prepared, undo: UndoList, say: (message: string) => void, signal: AbortSignal): Promise<Standby> {
  const { plan, home, remote, target, podOnNode, targetTwin, pins } = prepared;
  const { pod, peer, twinNamespace, id } = plan;
  const { name } = pod.metadata;
  say('mounting the runtime wrapper on the target node');
  await target.call(
    'target.await',
    {
      namespace: twinNamespace,
      pod: name,
      containers: pod.spec.containers.map((container) => container.name),
      initContainers: (pod.spec.initContainers ?? []).map((container) => container.name),
      addresses: podOnNode.addresses,
      deadlineSeconds: awaitSeconds,
    },
    20_000,
  );
  const collection = `/apis/offloading.liqo.io/v1beta1/namespaces/${twinNamespace}/shadowpods`;
  const shadowPod = `${collection}/${name}`;
  undo.add('the target agent', async () => target.call('target.abort', null, 10_000).then(undefined, () => undefined));

  const secret = createTokenSecret(home, remote, pod, peer, twinNamespace, id, signal);
  undo.add(`the token Secret of pod ${name} at ${peer.virtualNode}`, async () => {
    const path = await secret.catch(() => undefined);
    if (path !== undefined) await remote.delete(path, {}).catch(unlessNotFound);
  });
  const tokenSecret = await secret;

  undo.add(`ShadowPod ${twinNamespace}/${name} at ${peer.virtualNode}`, async () => {
    await target.call('target.abort', null, 10_000).catch(() => undefined);
    await retry(async () => remote.delete(shadowPod, {}).catch(unlessNotFound), { deadlineMs: 30_000 });
    await untilGone(prepared);
  });
  say('waiting for the sandbox, the volumes and the first container');
  await remote.create(collection, standbyShadowPod(withPins(pod, pins), peer, twinNamespace, targetTwin), signal);

  await Promise.race([
    target.call('target.armed', { deadlineMs: armDeadlineMs }, armDeadlineMs + 5_000),
    whyItCannotStart(prepared, signal),
  ]);
  await remote.patch(shadowPod, markingPatch(pod, id), 'merge', signal);
  await requireNoDrift(home, pod, signal);
  return { ...prepared, shadowPod, tokenSecret };
}

function unlessNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** A later migration of the same pod would get the old pod's remains otherwise. */
async function untilGone({ remote, plan }: Prepared): Promise<void> {
  const { name } = plan.pod.metadata;
  await waitFor<Pod>(
    remote,
    {
      collection: `/api/v1/namespaces/${plan.twinNamespace}/pods`,
      name,
      what: `pod ${plan.twinNamespace}/${name} to be gone`,
      deadlineMs: 60_000,
      isDone: (pod) => pod === undefined,
    },
    new AbortController().signal,
  );
}

/** Never fulfilled; rejects as soon as the new pod's own status tells that it will not start. */
async function whyItCannotStart({ remote, plan }: Prepared, signal: AbortSignal): Promise<never> {
  const { name } = plan.pod.metadata;
  const where = `pod ${plan.twinNamespace}/${name} at ${plan.peer.virtualNode}`;
  await waitFor<Pod>(
    remote,
    {
      collection: `/api/v1/namespaces/${plan.twinNamespace}/pods`,
      name,
      what: `${where} to be created`,
      deadlineMs: armDeadlineMs,
      isDone: (pod) => {
        if (pod?.status?.phase === 'Failed')
          throw new MigrateError('failed', `${where} cannot start: ${pod.status.message ?? pod.status.reason ?? 'it failed'}`);
        const bad = pod?.status?.containerStatuses?.find(({ state }) => state?.running ?? state?.terminated);
        if (bad) throw new MigrateError('failed', `${where} started container ${bad.name} afresh: the runtime wrapper was bypassed`);
        return false;
      },
    },
    signal,
  );
  throw new MigrateError('failed', `${where} was not created`);
}
