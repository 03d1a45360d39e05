import { retry } from '../../kube/retry.ts';
import { isAlreadyExists, isNotFound, KubeError } from '../../kube/errors.ts';
import { waitFor } from '../../kube/wait.ts';
import type { Pod } from '../../kube/types.ts';
import { homePod } from '../../liqo/home-pod.ts';
import { adoptionPatch, isSeen } from '../../liqo/standby.ts';
import { unmarkingPatch } from '../../liqo/token-secret.ts';
import { saveObject, type SavedObject } from '../saved-object.ts';
import { unfinished, type Task } from '../unfinished.ts';
import { cleanup, cleanupTarget } from './cleanup.ts';
import type { Standby } from './standby.ts';

/** How long an API server may be away, at each of the requests. */
const patienceMs = 120_000;
/** How long a quota may take to notice that the old object is gone. */
const quotaPatienceMs = 10_000;
/** How long the virtual kubelet may take to notice the new object, and then to tell the home cluster what it has adopted. */
const adoptionDeadlineMs = 60_000;

/**
 * Makes the home cluster's object follow the processes: the same name, now on the virtual node. Takes no signal: the
 * pod runs at the peer already, and stopping here would leave it without its object.
 *
 * @throws MigrateError (in-doubt) telling what is done, what is not, and how to do the rest by hand
 */
export async function cutover(standby: Standby, say: (message: string) => void): Promise<{ notes: string[] }> {
  const { home, plan } = standby;
  const saved = saveObject(homePod(plan.pod, plan.peer), plan.id);
  let next: Task = 'delete';
  const begin = (task: Task): void => void (next = task);
  try {
    const notes = await replaceObject(standby, saved, say, begin);
    return { notes };
  } catch (cause) {
    // What the target agent has on its node is of no use any more. The source's record is: it keeps the pod frozen.
    await (next === 'delete' ? cleanupTarget(standby) : cleanup(standby)).catch(() => undefined);
    throw unfinished(standby, next, saved.path, home.name, cause as Error);
  }
}

async function replaceObject(
  standby: Standby,
  saved: SavedObject,
  say: (message: string) => void,
  begin: (task: Task) => void,
): Promise<string[]> {
  const { home, remote, source, plan, shadowPod } = standby;
  const { peer } = plan;
  const collection = `/api/v1/namespaces/${plan.pod.metadata.namespace}/pods`;
  const path = `${collection}/${plan.pod.metadata.name}`;
  const notes: string[] = [];
  const policy = { deadlineMs: patienceMs, onRetry: (error: Error) => say(`trying again: ${error.message}`) };

  say('replacing the pod object');
  // It belongs to the moved pod from here on; who looks for what we have left must not find it.
  const { tokenSecret } = standby;
  if (tokenSecret !== undefined) await retry(async () => remote.patch(tokenSecret, unmarkingPatch, 'merge').catch(unlessNotFound), policy);
  const current = await retry(async () => home.get<Pod>(path).catch(unlessNotFound), policy);
  if (current && current.metadata.uid !== plan.pod.metadata.uid)
    throw new Error(`there is another pod of that name now (UID ${current.metadata.uid})`);
  const end =
    current === undefined
      ? 0
      : current.metadata.deletionTimestamp === undefined
        ? undefined
        : (current.metadata.deletionGracePeriodSeconds ?? 0);
  const pod = { ...plan.pod, metadata: { ...plan.pod.metadata, ...changeable(current) } };
  const replacement = homePod(pod, peer);
  saved.write(replacement);
  const preconditions = { uid: plan.pod.metadata.uid };
  await retry(async () => home.delete(path, { gracePeriodSeconds: 0, preconditions }).catch(unlessNotFound), policy);

  begin('create');
  // Only now: a kubelet starts the containers of a pod that is not being deleted anew.
  const killed = source.call('source.kill', null, 20_000).catch((error: unknown) => {
    notes.push(`the frozen processes of the source are left to its kubelet: ${(error as Error).message}`);
  });
  const create = async (): Promise<unknown> =>
    home.create(collection, replacement).catch(async (error: unknown) => requireOurs(standby, path, error));
  await retry(async () => retry(create, { ...policy, deadlineMs: quotaPatienceMs, canPass: isOfQuota }), policy);
  begin('adopt');
  await untilSeen(standby, collection);
  await retry(async () => remote.patch(shadowPod, adoptionPatch(pod, peer, plan.pod), 'merge'), policy);
  saved.remove();
  begin('see');
  await killed;

  if (end !== undefined) {
    await retry(async () => home.delete(path, { gracePeriodSeconds: end }).catch(unlessNotFound), policy);
    return [...notes, 'the pod was deleted while it was moved: its deletion goes on at the peer'];
  }
  say('waiting until the home cluster sees it run');
  await untilSeenRunning(standby, collection);
  return notes;
}

/** What others may have changed since the plan was made; nothing else of a pod's object can change and matter here. */
function changeable(current: Pod | undefined): Partial<Pod['metadata']> {
  if (!current) return {};
  const { labels = {}, annotations = {} } = current.metadata;
  return { labels, annotations };
}

/** A creation that got no answer may have been carried out: then its second try finds what the first one made. */
async function requireOurs({ home, plan }: Standby, path: string, error: unknown): Promise<void> {
  if (!isAlreadyExists(error)) throw error;
  const found = await home.get<Pod>(path);
  if (found.spec.nodeName !== plan.peer.virtualNode) throw error;
}

/** A quota gets back what the old object took a moment after that is gone. */
function isOfQuota(error: unknown): boolean {
  return error instanceof KubeError && error.code === 403 && error.message.includes('quota');
}

function unlessNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

/** @throws Error when somebody takes the new object away meanwhile */
async function untilSeen({ home, plan }: Standby, collection: string): Promise<void> {
  const { namespace, name } = plan.pod.metadata;
  const what = `the virtual kubelet of ${plan.peer.virtualNode} to see pod ${namespace}/${name}`;
  const isDone = (pod: Pod | undefined): boolean => {
    if (!pod) throw new Error('somebody has deleted it');
    return isSeen(pod);
  };
  await waitFor<Pod>(home, { collection, name, what, deadlineMs: adoptionDeadlineMs, isDone }, new AbortController().signal);
}

async function untilSeenRunning({ home, plan }: Standby, collection: string): Promise<void> {
  const { namespace, name } = plan.pod.metadata;
  await waitFor<Pod>(
    home,
    {
      collection,
      name,
      what: `pod ${namespace}/${name} to be seen running on ${plan.peer.virtualNode}`,
      deadlineMs: adoptionDeadlineMs,
      isDone: (seen) => {
        const statuses = seen?.status?.containerStatuses ?? [];
        return seen?.status?.phase === 'Running' && statuses.length > 0 && statuses.every(({ state }) => state?.running);
      },
      describe: (seen) => `it is ${seen?.status?.phase ?? 'not there'}`,
    },
    new AbortController().signal,
  );
}
