import type { Pod } from '../kube/types.ts';
import { deletionCostAnnotation, highestCost, lowestCost } from './new-object.ts';
import type { Owner } from './owner.ts';
import { jobTracking } from './replace/worker.ts';

/** By these labels an owner finds its pods (deployment_util.go, job strategy's setDefaultJobLabels); older Jobs have the last one alone. */
const identities = ['pod-template-hash', 'batch.kubernetes.io/controller-uid', 'controller-uid'] as const;

/** A label selector that all pods of that pod's owner match, and few others; empty, which all match, when no label is known for that. */
export function selectorOf({ metadata: { labels = {} } }: Pod): string {
  const label = identities.find((one) => labels[one] !== undefined);
  return label === undefined ? '' : `${label}=${labels[label]}`;
}

/** The same object as one that its owner neither counts nor takes away, nor adopts: it matches no owner's selector any more. */
export function strangerOf(object: Pod, owner: Owner): Pod {
  const { labels = {}, ownerReferences = [], finalizers = [], ...metadata } = object.metadata;
  const others = Object.fromEntries(Object.entries(labels).filter(([label]) => !isIdentity(label)));
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: others,
      ownerReferences: ownerReferences.filter(({ uid }) => uid !== owner.uid),
      finalizers: finalizers.filter((one) => one !== jobTracking),
    },
  };
}

/** Whether an owner can be kept off a pod by what {@link strangerOf} takes away. A ReplicationController selects by labels of its user's making. */
export function canBeStranger({ metadata: { labels = {} } }: Pod): boolean {
  return Object.keys(labels).some(isIdentity);
}

export function isMember({ metadata: { labels = {}, ownerReferences = [] } }: Pod, owner: Owner, like: Pod): boolean {
  const wanted = like.metadata.labels ?? {};
  return ownerReferences.some(({ uid }) => uid === owner.uid) && identities.every((label) => labels[label] === wanted[label]);
}

/** The merge patch that makes a member a stranger, or the other way round. @param to as it is to be */
export function membershipPatch(uid: string | undefined, to: Pod): object {
  const { labels = {}, ownerReferences = [] } = to.metadata;
  return { metadata: { uid, ownerReferences, labels: Object.fromEntries(identities.map((label) => [label, labels[label] ?? null])) } };
}

/** The merge patch after which its owner takes it before any other one that runs. */
export function cheapPatch({ metadata: { uid } }: Pod): object {
  return { metadata: { uid, annotations: { [deletionCostAnnotation]: lowestCost } } };
}

/** The JSON patch after which it costs that; refused when somebody has given it another cost meanwhile. */
export function costPatch(uid: string | undefined, cost: string | undefined): object[] {
  const path = `/metadata/annotations/${deletionCostAnnotation.replaceAll('/', '~1')}`;
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path, value: highestCost },
    cost === undefined ? { op: 'remove', path } : { op: 'replace', path, value: cost },
  ];
}

function isIdentity(label: string): boolean {
  return (identities as readonly string[]).includes(label);
}
