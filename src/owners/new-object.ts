import type { Pod } from '../kube/types.ts';
import type { Owner } from './owner.ts';
import { revisionLabel } from './revision.ts';

/** The higher, the later a ReplicaSet takes the pod when it has one too many (controller_utils.go: ActivePodsWithRanks). */
export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
/** The highest: an int32. */
export const highestCost = '2147483647';
export const lowestCost = '-2147483648';

/**
 * What the moved pod costs in the end. An instance of a Knative Revision has its state in memory alone, goes with the load, and is to
 * stay when others can go: above theirs, as Knative gives no pod a cost, and other ones as before.
 */
export function lastingCost({ metadata: { labels, annotations } }: Pod): string | undefined {
  return annotations?.[deletionCostAnnotation] ?? (labels?.[revisionLabel] === undefined ? undefined : '100');
}

/** Not to be deleted by a node that is out of reach for a while (defaulttolerationseconds: 300 s for both). */
export const outages: readonly string[] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/**
 * The object that takes the old one's place, as its owner must find it: of one too many a ReplicaSet takes another one, as long as
 * {@link highestCost} stands there. A pod that nobody makes anew stays where it is for as long as its virtual node is not ready.
 *
 * @param toleratesOutages whether one that has an owner does so as well
 */
export function newObject(object: Pod, owner: Owner | undefined, toleratesOutages = false): Pod {
  const { spec, metadata } = object;
  const lasting =
    !owner || toleratesOutages ? { ...object, spec: { ...spec, tolerations: (spec.tolerations ?? []).map(forEver) } } : object;
  if (owner?.rule !== 'replica-set') return lasting;
  return { ...lasting, metadata: { ...metadata, annotations: { ...metadata.annotations, [deletionCostAnnotation]: highestCost } } };
}

type Toleration = NonNullable<Pod['spec']['tolerations']>[number];

function forEver({ tolerationSeconds, ...toleration }: Toleration): Toleration {
  const isDefault = tolerationSeconds === 300 && outages.includes(toleration.key ?? '');
  return { ...toleration, ...(tolerationSeconds === undefined || isDefault ? {} : { tolerationSeconds }) };
}
