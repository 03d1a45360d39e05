import { MigrateError } from '../../errors.ts';
import { isAlreadyExists } from '../../kube/errors.ts';
import { podsIn, secretsIn } from '../../kube/paths.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { waitFor } from '../../kube/wait.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { markingPatch, standbyShadowPod } from '../../liqo/standby.ts';
import { forgeTokenSecret, isTokenSecretOf, tokenPath, tokenRequest, tokenSecret } from '../../liqo/token-secret.ts';
import type { FreezeBudget } from '../../preflight/budget.ts';
import { withPins } from '../helpers/images.ts';
import { targetHelper } from '../helpers/pods.ts';
import { lastLook } from '../last-look.ts';
import type { Move } from '../plan.ts';
import { podOnNode } from '../pod-on-node.ts';
import type { Prepared } from '../prepared.ts';
import type { Step, StepContext } from '../step.ts';
import { creation, type Write } from '../write.ts';
import { removeStandby } from './remove-standby.ts';

/** How long the peer's kubelet may take for sandbox, network and volumes. */
const armDeadlineMs = 90_000;
/** How long the target agent waits for its pod's containers before it gives the runtime back. */
const awaitSeconds = 300;

/** A migration whose pod is at the peer, up to the creation of its first container. */
export interface Standby extends Prepared {
  /** The ShadowPod's UID. */
  readonly shadowUid: string;
  /** How long the pod may stand still, as of the last look at it. */
  readonly budget: FreezeBudget;
}

/** Makes the pod at the peer, up to the creation of its first container, which the target agent holds. */
export const standby: Step<Prepared, Standby> = { name: 'standby', writes, run, undo: removeStandby };

function writes(move: Move): Write[] {
  const { pod, peer, twinNamespace, tokens } = move;
  const secrets = secretsIn(twinNamespace);
  const secret = tokenSecret(move, Object.fromEntries(tokens.map(({ key }) => [key, ''])), new Date(0).toISOString());
  // Its UID and its node are known when it is there.
  const helper = targetHelper(move, new Map());
  const unknown = { metadata: { ...helper.metadata, uid: '00000000-0000-0000-0000-000000000000' }, spec: { ...helper.spec, nodeName: '' } };
  const shadowPod = standbyShadowPod(pod, peer, twinNamespace, unknown, move.owner === undefined);
  const ofTokens: Write[] = [
    ...tokens.map((token): Write => ({ verb: 'create', at: 'home', path: tokenPath(pod), body: tokenRequest(token) })),
    { verb: 'delete', at: 'peer', path: `${secrets}/${secret.metadata.name}`, isOfLeftover: true },
    creation('peer', secrets, secret),
  ];
  return [
    ...(tokens.length === 0 ? [] : ofTokens),
    creation('peer', shadowPodsIn(twinNamespace), shadowPod),
    { verb: 'patch', at: 'peer', path: `${shadowPodsIn(twinNamespace)}/${pod.metadata.name}` },
  ];
}

async function run(prepared: Prepared, { progress: say, signal }: StepContext): Promise<Standby> {
  const { plan, home, remote, target, targetTwin, pins, underway } = prepared;
  const { pod, peer, twinNamespace, id } = plan;
  const { name } = pod.metadata;
  say('mounting the runtime wrapper on the target node');
  await target.call(
    'target.await',
    {
      namespace: twinNamespace,
      pod: name,
      containers: pod.spec.containers.map((container) => container.name),
      initContainers: plan.carries.flatMap((one) => (one.kind === 'init files' ? one.containers : [])),
      addresses: podOnNode(plan).addresses,
      deadlineSeconds: awaitSeconds + Math.ceil((plan.quiesce?.limitMs ?? 0) / 1000),
    },
    20_000,
  );
  const secret = await forgeTokenSecret(home, plan, signal);
  if (secret) await createTokenSecret(prepared, secret, signal);

  say('waiting for the sandbox, the volumes and the first container');
  const shadowPod = standbyShadowPod(withPins(pod, pins), peer, twinNamespace, targetTwin, plan.owner === undefined);
  const about = {
    at: 'peer',
    collection: shadowPodsIn(twinNamespace),
    what: `ShadowPod ${twinNamespace}/${name} at ${peer.virtualNode}`,
    ...(targetTwin.metadata.uid === undefined ? {} : { owner: targetTwin.metadata.uid }),
  } as const;
  await requireAwaited(prepared);
  const created = await underway.made.create<KubeObject>(shadowPod, about, signal);

  const { podUid } = await Promise.race([
    target.call('target.armed', { deadlineMs: armDeadlineMs }, armDeadlineMs + 5_000),
    whyItCannotStart(prepared, signal),
  ]);
  const shadowUid = created.metadata.uid ?? '';
  await requireOurs(prepared, podUid, shadowUid, signal);
  await remote.patch(`${shadowPodsIn(twinNamespace)}/${name}`, markingPatch(pod, id, shadowUid), 'merge', signal);
  return { ...prepared, shadowUid, budget: await lastLook(prepared, signal) };
}

/**
 * An agent that has heard nothing of this command for long, as it was suspended, has given up, and has given the runtime back: it
 * would start a pod that comes then from nothing. One that has said that it awaits the pod refuses it for as long as it may come.
 *
 * @throws MigrateError (failed)
 */
async function requireAwaited({ target, plan }: Prepared): Promise<void> {
  const { isAwaited } = await target.call('target.expect', null, 20_000);
  if (isAwaited) return;
  throw new MigrateError('failed', `the agent at ${plan.peer.virtualNode} has given up meanwhile, as it heard nothing of this command`);
}

/**
 * One of that name that was left by an earlier pod of this name gives way; another one is nothing of ours.
 *
 * @throws MigrateError (failed) naming it
 */
async function createTokenSecret({ remote, plan, underway }: Prepared, secret: KubeObject, signal: AbortSignal): Promise<void> {
  const collection = secretsIn(plan.twinNamespace);
  const { name } = secret.metadata;
  const about = { at: 'peer', collection, what: `Secret ${plan.twinNamespace}/${name} at ${plan.peer.virtualNode}` } as const;
  const create = async (): Promise<unknown> => underway.made.create(secret, about, signal);
  try {
    await create();
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await remote.get<KubeObject>(`${collection}/${name}`, signal);
    if (!isTokenSecretOf(found, plan.pod.metadata.name))
      throw new MigrateError('failed', `${about.what} is there already, and was not made for the pod`, { cause: error });
    await remote.delete(`${collection}/${name}`, { preconditions: { uid: found.metadata.uid } }, signal);
    await create();
  }
}

/**
 * The agent awaits a pod by its name. Whoever may make pods there could have made one of it first: with a specification, an owner and
 * an end of his own, and the pod's memory in it.
 *
 * @throws MigrateError (failed)
 */
async function requireOurs({ remote, plan }: Prepared, podUid: string, shadowUid: string, signal: AbortSignal): Promise<void> {
  const { name } = plan.pod.metadata;
  const { metadata } = await remote.get<Pod>(`${podsIn(plan.twinNamespace)}/${name}`, signal);
  if (metadata.uid === podUid && metadata.ownerReferences?.some(({ uid, controller }) => uid === shadowUid && controller === true)) return;
  throw new MigrateError('failed', `pod ${plan.twinNamespace}/${name} at ${plan.peer.virtualNode} was made by somebody else`);
}

/** Never fulfilled; rejects as soon as the new pod's own status tells that it will not start. */
async function whyItCannotStart({ remote, plan }: Prepared, signal: AbortSignal): Promise<never> {
  const { name } = plan.pod.metadata;
  const where = `pod ${plan.twinNamespace}/${name} at ${plan.peer.virtualNode}`;
  await waitFor<Pod>(
    remote,
    {
      collection: podsIn(plan.twinNamespace),
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
