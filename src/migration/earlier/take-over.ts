import { MigrateError } from '../../errors.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import { unlessNotFound } from '../../kube/errors.ts';
import { podsIn, secretsIn } from '../../kube/paths.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { waitFor } from '../../kube/wait.ts';
import { drainedAnnotation, migrationLabel, movedPodUidAnnotation, nodeNameLabel, recordAnnotation } from '../../liqo/names.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { findPeer } from '../../liqo/peer.ts';
import { twinNamespace } from '../../liqo/twin-namespace.ts';
import { partsOf } from '../../preflight/carried.ts';
import type { Role } from '../../protocol/agent-calls.ts';
import type { MigrationRequest } from '../contract.ts';
import { roleLabel, withMovedContainers } from '../helpers/pods.ts';
import { AgentSession, TakenOver } from '../helpers/session.ts';
import { helperGraceSeconds } from '../helpers/start.ts';
import { reachDirectly, reachThrough } from '../peer-connection.ts';
import { checkedRecord, type MoveRecord } from '../record.ts';
import { rollBack } from '../roll-back.ts';
import { inDoubt, settleBoth, type Settled } from '../settlement.ts';
import { isReplacement } from '../steps/cutover/task.ts';
import { begin, type Underway } from '../underway.ts';
import { findEarlier, helperOf, requireUnattended, type Earlier } from './find.ts';

/** A migration that another command has brought to its commit, and that this one finishes. */
export interface Inherited {
  readonly underway: Underway;
  readonly remote: KubeConnection;
}

/**
 * Goes on with a migration whose command is gone: takes back what was not committed, and then there is nothing of it any more.
 *
 * @returns the migration to be finished, if it was committed
 * @throws MigrateError: `refused` when its command is there, `in-doubt` when it cannot be settled who may run
 */
export async function takeOver(
  request: MigrationRequest,
  earlier: Earlier,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<Inherited | undefined> {
  const { connection: home } = request;
  if (earlier.helpers.every(({ metadata }) => metadata.deletionTimestamp !== undefined)) {
    await Promise.all(earlier.helpers.map(async (helper) => untilGone(home, helper, signal)));
    return undefined;
  }
  await requireUnattended(request, earlier, signal);
  // Its helpers may have come up, or be gone, since they were listed.
  const still = (await findEarlier(request, signal)).find(({ id }) => id === earlier.id);
  return still && (await settleEarlier(request, still, say, signal));
}

async function settleEarlier(
  request: MigrationRequest,
  earlier: Earlier,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<Inherited | undefined> {
  say(`migration ${earlier.id} of it was left half-way: asking both ends how it stands`);
  const { underway, isReplaced } = await assemble(request, earlier, signal);
  // Who has made the new object at home had settled that before.
  const settled: Settled = isReplaced ? { settlement: 'go on', source: 'silent', target: 'silent' } : await settleBoth(underway);
  if (settled.settlement === 'in doubt') throw inDoubt(underway, settled, new Error(`migration ${earlier.id} was left half-way`));
  if (settled.settlement === 'roll back') {
    say(`taking back what migration ${earlier.id} has left`);
    await findAtPeer(underway, helperOf(earlier, 'target')?.metadata.name);
    const failures = await rollBack(underway);
    underway.clusters.peer?.close();
    if (failures.length === 0) return undefined;
    throw new MigrateError('in-doubt', `not all of migration ${earlier.id} could be rolled back: ${failures.join('; ')}`);
  }
  say(`finishing migration ${earlier.id}`);
  const { peer: remote } = underway.clusters;
  if (!remote) throw new Error('the peer cannot be reached');
  const { pod, ...more } = await asItWas(underway, earlier);
  underway.move = { ...underway.move, pod, ...partsOf(pod), ...more };
  return { underway, remote };
}

/** All that is known of it, and a conversation with each agent that is alive; nobody else may speak to those from then on. */
async function assemble(
  request: MigrationRequest,
  earlier: Earlier,
  signal: AbortSignal,
): Promise<{ readonly underway: Underway; readonly isReplaced: boolean }> {
  const { connection: home, namespace, pod: name, agentImage } = request;
  const [source, target] = [helperOf(earlier, 'source'), helperOf(earlier, 'target')];
  const uid = earlier.helpers[0]?.metadata.annotations?.[movedPodUidAnnotation] ?? '';
  const current = await home.get<Pod>(`${podsIn(namespace)}/${name}`, signal).catch(unlessNotFound);
  const isReplaced = isReplacement(current, earlier);
  // What is not known of it the source's agent tells, or nobody.
  const pod =
    current && (isReplaced || current.metadata.uid === uid)
      ? withMovedContainers({ ...current, metadata: { ...current.metadata, uid } }, earlier.helpers[0] as Pod)
      : { metadata: { name, namespace, uid }, spec: { containers: [] } };
  const peer = await findPeer(home, target?.spec.nodeName ?? request.to, signal);
  const twin = await twinNamespace(home, namespace, peer, signal);
  const sourceNode = source?.spec.nodeName ?? current?.spec.nodeName;
  const placed = sourceNode === undefined ? {} : { sourceNode };
  const underway = begin({ id: earlier.id, pod, ...partsOf(pod), ...placed, peer, twinNamespace: twin, agentImage }, home);
  const { clusters, made } = underway;
  const ofHelpers = { at: 'home', collection: podsIn(namespace), gracePeriodSeconds: helperGraceSeconds } as const;
  for (const helper of earlier.helpers) made.found(helper, { ...ofHelpers, what: `helper pod ${helper.metadata.name}` });
  for (const { metadata } of earlier.helpers) {
    const drained = metadata.annotations?.[drainedAnnotation];
    if (drained !== undefined) made.drained(drained);
  }
  const attend = async (helper: Pod | undefined, role: Role): Promise<AgentSession | undefined> => {
    if (helper?.status?.phase !== 'Running') return undefined;
    return await AgentSession.open(home, helper, { role, migration: earlier.id }, signal).catch((error: unknown) => {
      if (error instanceof TakenOver || (error instanceof MigrateError && error.kind === 'refused')) throw error;
      return undefined;
    });
  };
  underway.source.agent = await attend(source, 'source');
  underway.target.agent = await attend(target, 'target');
  const remote = (await reachDirectly(home, peer, signal)) ?? (source && (await reachThrough(home, peer, source, signal)));
  if (remote) clusters.peer = remote;
  if (remote && target) {
    const there = await remote.get<Pod>(`${podsIn(twin)}/${target.metadata.name}`, signal).catch(() => undefined);
    underway.target.node = there?.spec.nodeName;
  }
  if (source) made.onNode('source');
  if (underway.target.agent || underway.target.node !== undefined) made.onNode('target');
  return { underway, isReplaced };
}

/**
 * What that migration has made at the peer, and the virtual kubelet has not adopted: its label tells, or, of a ShadowPod that has
 * none yet, that it belongs to the helper.
 */
async function findAtPeer({ clusters: { peer: remote }, move, made, target }: Underway, helper: string | undefined): Promise<void> {
  if (!remote) return;
  const { twinNamespace: twin, pod, peer, id } = move;
  const record = (object: KubeObject, collection: string, kind: string): void =>
    made.found(object, { at: 'peer', collection, what: `${kind} ${twin}/${object.metadata.name} at ${peer.virtualNode}` });
  const find = async (collection: string, kind: string, labelSelector: string): Promise<void> => {
    const { items } = await remote.list<KubeObject>(collection, undefined, { labelSelector });
    for (const object of items) record(object, collection, kind);
  };
  await find(secretsIn(twin), 'Secret', `${migrationLabel}=${id}`);
  await find(shadowPodsIn(twin), 'ShadowPod', `${migrationLabel}=${id},!${nodeNameLabel}`);
  const name = target.agent?.pod.metadata.name ?? helper;
  const shadow = await remote.get<KubeObject>(`${shadowPodsIn(twin)}/${pod.metadata.name}`).catch(unlessNotFound);
  if (!shadow?.metadata.ownerReferences?.some((owner) => owner.kind === 'Pod' && owner.name === name)) return;
  record(shadow, shadowPodsIn(twin), 'ShadowPod');
}

/** What the command that began the migration had read of the pod. @throws MigrateError (in-doubt) when nobody knows it */
async function asItWas({ move, source }: Underway, earlier: Earlier): Promise<Pick<MoveRecord, 'pod' | 'siblings' | 'toleratesOutages'>> {
  const { name, namespace } = move.pod.metadata;
  // One that takes the place of another may not have known the object.
  const first = earlier.helpers.find(({ metadata }) => metadata.labels?.[roleLabel] === 'source');
  const mark = first?.metadata.annotations?.[recordAnnotation];
  try {
    const answer = await source.agent?.call('source.state', null, 20_000);
    return checkedRecord(answer?.record, mark, move.pod);
  } catch (cause) {
    if (move.pod.status !== undefined) return { pod: move.pod };
    throw new MigrateError(
      'in-doubt',
      `pod ${namespace}/${name} was moved and runs at ${move.peer.virtualNode}, its old object is gone, and nobody tells what it was: ${(cause as Error).message}`,
      { cause, hint: 'the command that began to move it has saved the new object in a file, and named that' },
    );
  }
}

async function untilGone(home: KubeConnection, { metadata }: Pod, signal: AbortSignal): Promise<void> {
  const { name, namespace = '' } = metadata;
  const what = `helper pod ${namespace}/${name} of an earlier migration to be gone`;
  await waitFor<Pod>(home, { collection: podsIn(namespace), name, what, deadlineMs: 90_000, isDone: (pod) => pod === undefined }, signal);
}
