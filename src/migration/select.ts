import { MigrateError } from '../errors.ts';
import type { KubeConnection } from '../kube/connection.ts';
import { podsIn } from '../kube/paths.ts';
import type { KubeObject, Pod } from '../kube/types.ts';
import { managedByLabel, managedByValue } from '../liqo/names.ts';
import { ownerOf } from '../owners/owner.ts';
import { knativeServiceLabel, workloadsIn, type WorkloadKind } from './workloads.ts';

/** What is asked for: a pod, the pods of whoever keeps some, or those with certain labels. */
export type Wanted =
  | { readonly kind: 'Pod' | WorkloadKind | 'KnativeService'; readonly name: string }
  | { readonly kind: 'selector'; readonly selector: string };

/** What was found and does not come into question, with the reason. */
export interface LeftOut {
  /** As kubectl writes it: `pod/web-0`, `deployment/web`. */
  readonly what: string;
  /** The end of a sentence about it. */
  readonly why: string;
}

export interface Selection {
  /** Their names, each once, in the order in which they are to be moved. */
  readonly pods: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Finds the pods that are asked for. Those of a workload are found by the UIDs of their controllers: names tell nothing. Pods that
 * are asked for by their own names are not looked at, and stay in the order in which they were named.
 *
 * @throws KubeError when a workload is not there or may not be read, MigrateError (failed) when there is no pod
 */
export async function select(
  connection: KubeConnection,
  namespace: string,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<Selection> {
  const pods: string[] = [];
  const leftOut: LeftOut[] = [];
  for (const one of wanted) {
    if (one.kind === 'Pod') {
      pods.push(one.name);
      continue;
    }
    const found = await podsOf(connection, namespace, one, signal);
    if (found.length === 0) leftOut.push({ what: wantedText(one), why: one.kind === 'selector' ? 'matches no pod' : 'has no pods' });
    for (const pod of inOrder(found)) {
      const why = whyLeftOut(pod);
      if (why === undefined) pods.push(pod.metadata.name);
      else leftOut.push({ what: `pod/${pod.metadata.name}`, why });
    }
  }
  if (pods.length > 0) return { pods: [...new Set(pods)], leftOut };
  const reasons = leftOut.map(({ what, why }) => `${what} ${why}`).join('; ');
  throw new MigrateError('failed', `No resources found in ${namespace} namespace of cluster ${connection.name}: ${reasons}`);
}

type WantedOfMany = Exclude<Wanted, { readonly kind: 'Pod' }>;

async function podsOf(connection: KubeConnection, namespace: string, wanted: WantedOfMany, signal: AbortSignal): Promise<Pod[]> {
  const labelled = async (labelSelector: string): Promise<Pod[]> =>
    (await connection.list<Pod>(podsIn(namespace), signal, { labelSelector })).items;
  if (wanted.kind === 'selector') return await labelled(wanted.selector);
  const { kind, name } = wanted;
  if (kind === 'KnativeService') return await labelled(`${knativeServiceLabel}=${name}`);
  if (kind === 'Pod') return [];
  const workload = await connection.get<KubeObject>(`${workloadsIn(namespace, kind)}/${name}`, signal);
  const controllers = kind === 'Deployment' ? await replicaSetsOf(connection, namespace, workload, signal) : [workload];
  const { items } = await connection.list<Pod>(podsIn(namespace), signal);
  return controlledBy(controllers, items);
}

/** Also those of its earlier templates: they have pods as long as a rollout goes on. */
async function replicaSetsOf(
  connection: KubeConnection,
  namespace: string,
  deployment: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const { items } = await connection.list<KubeObject>(workloadsIn(namespace, 'ReplicaSet'), signal);
  return controlledBy([deployment], items);
}

/** Those of some objects that one of these controls. Pure. */
export function controlledBy<T extends KubeObject>(controllers: readonly KubeObject[], objects: readonly T[]): T[] {
  const uids = new Set(controllers.map(({ metadata }) => metadata.uid));
  return objects.filter(({ metadata: { ownerReferences = [] } }) =>
    ownerReferences.some(({ uid, controller }) => controller === true && uids.has(uid)),
  );
}

/** Pods that nobody has named: a migration's own helpers can have labels that a selector picks. Pure. */
export function whyLeftOut({ metadata, status }: Pod): string | undefined {
  if (metadata.labels?.[managedByLabel] === managedByValue) return 'is a helper pod of a migration';
  if (metadata.deletionTimestamp !== undefined) return 'is being deleted';
  const { phase = '' } = status ?? {};
  return ['Succeeded', 'Failed'].includes(phase) ? `has ended (${phase})` : undefined;
}

/**
 * By name, but those of one StatefulSet as its rolling update takes them: the highest ordinal first (stateful_set_control.go), for which
 * there is no order by name once there are ten. Pure.
 */
export function inOrder(pods: readonly Pod[]): Pod[] {
  const placed = pods.map((pod) => {
    const owner = ownerOf(pod);
    // As the controller reads it (stateful_set_utils.go: statefulPodRegex).
    const ordinal = owner?.rule === 'stateful-set' ? /-([0-9]+)$/.exec(pod.metadata.name)?.[1] : undefined;
    return ordinal === undefined || owner === undefined
      ? { pod, group: pod.metadata.name, set: '', ordinal: 0 }
      : { pod, group: owner.name, set: owner.uid, ordinal: Number(ordinal) };
  });
  return placed
    .toSorted(
      (one, other) =>
        order(one.group, other.group) ||
        order(one.set, other.set) ||
        other.ordinal - one.ordinal ||
        order(one.pod.metadata.name, other.pod.metadata.name),
    )
    .map(({ pod }) => pod);
}

/** As Kubernetes sorts names: by their bytes. */
function order(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function wantedText(wanted: Wanted): string {
  if (wanted.kind === 'selector') return `selector ${wanted.selector}`;
  return `${wanted.kind === 'KnativeService' ? 'ksvc' : wanted.kind.toLowerCase()}/${wanted.name}`;
}
