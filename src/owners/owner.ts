import type { ObjectMeta, Pod } from '../kube/types.ts';

/**
 * What whoever keeps a pod does when the pod's object is gone, and so, how the cutover takes its place:
 * - `stateful-set`: makes one of the same name, when the old object is gone for good (stateful_set_control.go)
 * - `replica-set`: makes one of a random name, as soon as the old object begins to be deleted, and takes away one too many
 *   (replica_set.go; a ReplicationController is the same code)
 * - `job`: the same, but looks only once a second, and counts by finalizers (job_controller.go)
 * - `fixed-name`: a controller that is not Kubernetes' own, and gives its pods names of its own making: as a StatefulSet
 */
export type OwnerRule = 'stateful-set' | 'replica-set' | 'job' | 'fixed-name';

/** Whoever makes a pod anew when it is gone. Plain JSON. */
export interface Owner {
  readonly rule: OwnerRule;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/**
 * Whether that owner, when it has made a pod in the place of the old object, may take the new one away again for having one too many:
 * until that is settled, what runs at the peer must not go with the new object.
 */
export function canTakeAway(owner: Owner | undefined): boolean {
  return owner?.rule === 'replica-set' || owner?.rule === 'job';
}

/** Why a pod cannot be taken away from its owner for a moment. */
export type Unmovable = 'of each node' | 'of a file' | 'by unknown rules';

const rules: Readonly<Record<string, OwnerRule | Unmovable>> = {
  'apps/StatefulSet': 'stateful-set',
  'apps/ReplicaSet': 'replica-set',
  '/ReplicationController': 'replica-set',
  'batch/Job': 'job',
  'apps/DaemonSet': 'of each node',
  '/Node': 'of a file',
};

/** On pods that a kubelet runs without an API server (kubelet/types: ConfigMirrorAnnotationKey). */
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/**
 * Who makes that pod anew: its controller, of which there is one at the most. Other owner references are for the collection of
 * garbage alone. Undefined when nobody does, or it is not known how; see {@link whyUnmovable}.
 */
export function ownerOf({ metadata }: Pod): Owner | undefined {
  const rule = ruleOf(metadata);
  const controller = controllerOf(metadata);
  if (!controller || rule === undefined || isUnmovable(rule)) return undefined;
  const { kind, name, uid } = controller;
  return { rule, kind, name, uid };
}

/** Undefined when the pod can be taken away from its owner, or has none. */
export function whyUnmovable({ metadata }: Pod): { readonly kind: string; readonly name: string; readonly why: Unmovable } | undefined {
  const rule = ruleOf(metadata);
  if (rule === undefined || !isUnmovable(rule)) return undefined;
  const { kind = 'Node', name = '' } = controllerOf(metadata) ?? {};
  return { kind, name, why: rule };
}

function isUnmovable(rule: OwnerRule | Unmovable): rule is Unmovable {
  return rule === 'of each node' || rule === 'of a file' || rule === 'by unknown rules';
}

function ruleOf(metadata: ObjectMeta): OwnerRule | Unmovable | undefined {
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) return 'of a file';
  const controller = controllerOf(metadata);
  if (!controller) return undefined;
  const group = controller.apiVersion.includes('/') ? controller.apiVersion.split('/')[0] : '';
  const known = `${group}/${controller.kind}`;
  if (Object.hasOwn(rules, known)) return rules[known];
  // Who has the server complete a name makes another one of another name; whom of too many it removes nobody knows.
  return metadata.generateName === undefined ? 'fixed-name' : 'by unknown rules';
}

function controllerOf({ ownerReferences = [] }: ObjectMeta): NonNullable<ObjectMeta['ownerReferences']>[number] | undefined {
  return ownerReferences.find(({ controller }) => controller === true);
}

const hashLabel = 'pod-template-hash';

/** For a person: `ReplicaSet web-5d8f of Deployment web`; a Deployment names its ReplicaSets after itself and the template's hash. */
export function ownerText({ kind, name }: Pick<Owner, 'kind' | 'name'>, { metadata }: Pod): string {
  const hash = metadata.labels?.[hashLabel];
  const isOfDeployment = kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`);
  return `${kind} ${name}${isOfDeployment ? ` of Deployment ${name.slice(0, -hash.length - 1)}` : ''}`;
}
