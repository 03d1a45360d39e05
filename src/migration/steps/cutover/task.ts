import type { KubeConnection } from '../../../kube/connection.ts';
import { unlessNotFound } from '../../../kube/errors.ts';
import { podsIn, secretsIn } from '../../../kube/paths.ts';
import { retry, type RetryPolicy } from '../../../kube/retry.ts';
import type { KubeObject, Pod } from '../../../kube/types.ts';
import { tokenSecretName } from '../../../liqo/forge-volumes.ts';
import { shadowPodsIn } from '../../../liqo/paths.ts';
import { creatorPrefix, hasStarted, isMoved } from '../../../owners/replace/outcome.ts';
import type { AgentSession } from '../../helpers/session.ts';
import type { SavedObject } from '../../saved-object.ts';
import type { Move } from '../../plan.ts';
import type { Write } from '../../write.ts';

/** What the tasks of a cutover see in both clusters before any of them is done. */
export interface Seen {
  /** The object of that name at home, whichever it is. */
  readonly current: Pod | undefined;
  /** The ShadowPod of that name at the peer. */
  readonly shadow: KubeObject | undefined;
  /** The Secret at the peer that the standby pod's tokens came from. */
  readonly secret: KubeObject | undefined;
}

/** A cutover under way; it may have been begun by another command. */
export interface Cutover {
  readonly move: Move;
  readonly home: KubeConnection;
  readonly remote: KubeConnection;
  readonly source: AgentSession | undefined;
  readonly seen: Seen;
  readonly saved: SavedObject;
  readonly say: (message: string) => void;
  readonly notes: string[];
  /** Where an API server may be away for a while. */
  readonly policy: RetryPolicy;
  /** No other command can have begun with it. */
  readonly isFirst: boolean;
  /** Its deletion was under way, or at its end, before the old object could be replaced. */
  readonly isGoing: boolean;
  /** The pod with the labels and annotations that it had when its old object was last seen. */
  readonly pod: Pod;
  /** What goes on side by side with the later tasks, once it was begun, and never rejects. */
  killed: Promise<void> | undefined;
  /** Whether clients that come to the pod's old address are led on. */
  relayed: Promise<boolean>;
}

/** One part of a cutover: whoever comes second can tell whether it is done, do it, or say how a person does it. */
export interface CutoverTask {
  readonly name: string;
  /** What it changes in the clusters. */
  readonly writes: (move: Move) => readonly Write[];
  readonly isDone: (seen: Seen, move: Move) => boolean;
  readonly run: (cutover: Cutover) => Promise<void>;
  /** How things stand as long as it is not done, as the end of a sentence about the pod. @param cause why it is not */
  readonly undone: (move: Move, home: KubeConnection, cause: Error) => string;
  /** Commands for a shell, as somebody who sees both clusters gives them. @param file where the pod's new object is kept */
  readonly byHand: (move: Move, file: string | undefined, cause: Error) => string[];
}

/** @throws KubeError */
export async function look({ move, home, remote, policy }: Pick<Cutover, 'move' | 'home' | 'remote' | 'policy'>): Promise<Seen> {
  const { pod, twinNamespace, tokens } = move;
  const { name, namespace = '' } = pod.metadata;
  const get = async <T>(at: KubeConnection, path: string): Promise<T | undefined> =>
    retry(async () => at.get<T>(path).catch(unlessNotFound), policy);
  const [current, shadow, secret] = await Promise.all([
    get<Pod>(home, `${podsIn(namespace)}/${name}`),
    get<KubeObject>(remote, `${shadowPodsIn(twinNamespace)}/${name}`),
    tokens.length === 0 ? undefined : get<KubeObject>(remote, `${secretsIn(twinNamespace)}/${tokenSecretName(name)}`),
  ]);
  return { current, shadow, secret };
}

/** The user who creates the new object at home; by this it is known for this migration's, whoever else made one of that name. */
export function creatorOf({ id }: Pick<Move, 'id'>): string {
  return `${creatorPrefix}${id}`;
}

/**
 * How long the virtual kubelet may take to notice what is in the home cluster: after a time without its API server it asks again after
 * up to a minute (client-go's reflector: 30 s, doubled at random), and more than 60 s were seen.
 */
export const virtualKubeletMs = 180_000;

/** Whether an object at home is the one that this migration has made there. */
export function isReplacement(current: Pod | undefined, move: Pick<Move, 'id'>): boolean {
  return current?.metadata.managedFields?.some(({ manager }) => manager === creatorOf(move)) ?? false;
}

/** Those of its owner's pods that run and were not there before: what it has started in the moved one's place is among them. */
export function newcomersAmong(pods: readonly Pod[], { move }: Pick<Cutover, 'move'>): Pod[] {
  const known = new Set([...(move.siblings ?? []), move.pod.metadata.uid]);
  return pods.filter((one) => !known.has(one.metadata.uid) && !isMoved(one) && hasStarted(one));
}

export function isReady(pod: Pod | undefined): boolean {
  return pod?.status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

/** @throws Error when somebody has taken the new object away, or put another one in its place */
export function requireReplacement(current: Pod | undefined, move: Pick<Move, 'id'>): asserts current is Pod {
  if (!current) throw new Error('somebody has deleted it');
  if (!isReplacement(current, move)) throw new Error(`there is another pod of that name now (UID ${current.metadata.uid})`);
}

/** How a person becomes Liqo's user at the peer. */
export function peerCredential({ peer }: Move): string {
  return `kubectl -n ${peer.tenantNamespace} get secret ${peer.kubeconfigSecret} -o jsonpath={.data.kubeconfig} | base64 -d`;
}
