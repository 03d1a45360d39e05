import type { Pod } from '../kube/types.ts';
import { lastingCost, newObject, outages } from '../owners/new-object.ts';
import { ownerOf, ownerText, whyUnmovable, type Owner, type Unmovable } from '../owners/owner.ts';
import { revisionLabel } from '../owners/revision.ts';
import { jobTracking } from '../owners/replace/worker.ts';
import { finding, when, type Finding } from './finding.ts';

const unmovable = {
  'of each node': [
    'KM-DAEMON-SET',
    (owner) => `it belongs to ${owner}, which has one pod on each node: it would make another one here`,
    undefined,
  ],
  'of a file': [
    'KM-STATIC-POD',
    () => 'it is a static pod: its kubelet makes it from a file or an address, and would do so again',
    undefined,
  ],
  'by unknown rules': [
    'KM-OWNER',
    (owner) => `it belongs to ${owner}, whose rules are not known: it would make another one, and might take away the one that was moved`,
    'pods of StatefulSets, ReplicaSets, ReplicationControllers and Jobs can be moved, and those of other controllers that name them themselves',
  ],
} as const satisfies Readonly<Record<Unmovable, readonly [string, (owner: string) => string, string | undefined]>>;

/** Whether its owner lets the pod go over, and what becomes of it later because it has one. Pure. */
export function ownerFindings(pod: Pod): Finding[] {
  const { metadata } = pod;
  const on = { kind: 'pod', name: metadata.name } as const;
  const owner = ownerOf(pod);
  const not = whyUnmovable(pod);
  const [code, text, remedy] = not ? unmovable[not.why] : [];
  const finalizers = (metadata.finalizers ?? []).filter((one) => owner?.rule !== 'job' || one !== jobTracking);
  return [
    ...(not && code && text ? [finding(code, on, text(ownerText(not, pod)), remedy)] : []),
    ...when(finalizers.length > 0, 'KM-FINALIZERS', on, `it has finalizers (${finalizers.join(', ')}), so its object cannot be replaced`),
    ...(owner ? keptFindings(owner, pod) : []),
  ];
}

function keptFindings(owner: Owner, pod: Pod): Finding[] {
  const on = { kind: 'pod', name: pod.metadata.name } as const;
  const name = ownerText(owner, pod);
  // A cost that its user gave it tells nothing of the others'.
  const isDear = pod.metadata.labels?.[revisionLabel] !== undefined && Number(lastingCost(pod)) > 0;
  const isYounger = `to ${name} it is its youngest pod afterwards`;
  return [
    ...when(owner.rule === 'replica-set', 'KM-EXTRA-POD', on, `${name} makes another pod meanwhile, which is deleted at once`),
    ...when(owner.rule === 'replica-set' && !isDear, 'KM-SCALE-DOWN', on, `${isYounger}: it is among the first that a scale-down takes`),
    ...when(owner.rule === 'job', 'KM-SCALE-DOWN', on, `${isYounger}: it is among the first to go when the Job's parallelism is lowered`),
  ];
}

/** What becomes of it when the virtual node is not ready for a while: its memory is gone with it (taint-eviction-controller). */
export function outageFindings(pod: Pod, toleratesOutages = false): Finding[] {
  const owner = ownerOf(pod);
  const { tolerations = [] } = newObject(pod, owner, toleratesOutages).spec;
  const seconds = outages.map((taint) => {
    const ones = tolerations.filter(
      ({ key, operator, effect }) =>
        (key === taint || (key === undefined && operator === 'Exists')) && (effect === undefined || effect === 'NoExecute'),
    );
    // The shortest of those that match, as TaintToleration has it (GetMinTolerationTime); none is none.
    return ones.length === 0 ? 0 : Math.min(...ones.map(({ tolerationSeconds }) => tolerationSeconds ?? Infinity));
  });
  const least = Math.max(0, Math.min(...seconds));
  if (least === Infinity) return [];
  const then = owner ? `and ${ownerText(owner, pod)} starts another one from nothing` : 'for good';
  const when = least === 0 ? 'as soon as its virtual node is not ready' : `when its virtual node is not ready for ${least} s`;
  const text = `it is deleted there ${when}, ${then}`;
  const remedy = owner && !toleratesOutages ? '--tolerate-outages takes such a limit of 300 s away' : undefined;
  return [finding('KM-OUTAGE', { kind: 'pod', name: pod.metadata.name }, text, remedy)];
}
