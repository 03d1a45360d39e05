import type { Pod } from '../kube/types.ts';
import type { Peer } from '../liqo/peer.ts';
import type { Move } from '../migration/plan.ts';
import { rightsOfPlan, rightsOfSelection, rightsOfSteps } from '../migration/rights.ts';
import { partsOf } from '../preflight/carried.ts';
import type { Right } from '../preflight/rights.ts';

const head = `# The least rights at home for a user who moves pods of the namespace \`shop\` to the peer \`milan\`. An example: put your
# own namespace and peer in, and see requirements.md for what each rule is for. test/e2e/privileges.test.ts moves a pod
# with these rights and no others. The peer needs nothing of the kind: there Liqo's own credential is used.
# Made by npm run docs of what the steps of a migration say that they write.
`;

const ofTenant = `# Whoever may read this Secret may do at the peer what Liqo may do there for this cluster. The resource names are the
# peer's cluster ID, and what \`kubectl get virtualnodes -A -o jsonpath='{.items[*].spec.kubeconfigSecretRef.name}'\` tells.
`;

const ofFinder = `# Only for those who name Deployments, StatefulSets and the like in the place of pods (\`kubectl migrate deployment/web\`).
`;

/** A pod that needs every right there is. */
const token = { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: '', controller: true };
const pod: Pod = { metadata: { name: 'web-0', namespace: 'shop', ownerReferences: [owner] }, spec: { containers: [], volumes: [token] } };
const peer = {
  virtualNode: 'milan',
  clusterId: 'milan',
  homeClusterId: 'rome',
  tenantNamespace: 'liqo-tenant-milan',
  kubeconfigSecret: 'kubeconfig-resourceslice-milan',
  offloadingPatch: {},
} as Peer;
const draft: Move = { id: '', pod, ...partsOf(pod), sourceNode: 'node', peer, twinNamespace: 'shop', agentImage: '' };

const quiesceHead = `# What a user needs besides rbac.yaml who moves instances of Knative functions with --quiesce. The role \`edit\` of Kubernetes has no
# right to patch endpoints. Made by npm run docs.
`;
const quiesced: Move = { ...draft, quiesce: { by: 'queue-proxy', endpoints: 'fn-00001-private', limitMs: 30_000 } };

/** docs/rbac.yaml; `npm run docs` writes it. */
export function rbacText(): string {
  const rights = [...rightsOfPlan(draft), ...rightsOfSteps(draft)];
  const { namespace } = pod.metadata;
  const finder = ofFinder + role('pod-finder', namespace, rightsOfSelection(namespace ?? ''));
  return head + [...roles('pod-mover', rights), finder, ...bindings('pod-mover', rights), binding('pod-finder', namespace)].join('---\n');
}

/** docs/rbac-quiesce.yaml: what is asked for besides when it is asked to wait for the end of requests. */
export function quiesceRbacText(): string {
  const known = new Set(rightsOfSteps(draft).map((right) => JSON.stringify(right)));
  const rights = rightsOfSteps(quiesced).filter((right) => !known.has(JSON.stringify(right)));
  return quiesceHead + [...roles('function-mover', rights), ...bindings('function-mover', rights)].join('---\n');
}

function roles(name: string, rights: readonly Right[]): string[] {
  return namespacesOf(rights).map((namespace) => {
    const ours = rights.filter((right) => right.namespace === namespace);
    return `${namespace === peer.tenantNamespace ? ofTenant : ''}${role(name, namespace, ours)}`;
  });
}

function bindings(name: string, rights: readonly Right[]): string[] {
  return namespacesOf(rights).map((namespace) => binding(name, namespace));
}

function namespacesOf(rights: readonly Right[]): (string | undefined)[] {
  return [...new Set(rights.map(({ namespace }) => namespace))];
}

function role(name: string, namespace: string | undefined, rights: readonly Right[]): string {
  const rules = Object.values(Object.groupBy(rights, ({ group = '', resource }) => `${group}/${resource}`)).flatMap((ones = []) => {
    const [first] = ones;
    if (!first) return [];
    const { group = "''", resource, name: ofOne } = first;
    // A token's name is that of the pod's service account, whichever that is.
    const names = ofOne === undefined || resource.includes('/') ? '' : `  resourceNames: [${ofOne}]\n`;
    return [`- apiGroups: [${group}]\n  resources: [${resource}]\n${names}  verbs: [${verbs(ones)}]\n`];
  });
  return `${object(name, namespace === undefined ? 'ClusterRole' : 'Role', namespace)}rules:\n${rules.join('')}`;
}

const order = ['get', 'list', 'watch', 'create', 'patch', 'delete'];

function verbs(rights: readonly Right[]): string {
  return [...new Set(rights.map(({ verb }) => verb))].toSorted((a, b) => order.indexOf(a) - order.indexOf(b)).join(', ');
}

function binding(name: string, namespace: string | undefined): string {
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  return `${object(name, `${kind}Binding`, namespace)}roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ${kind}, name: ${name}}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: pod-movers}
`;
}

function object(name: string, kind: string, namespace: string | undefined): string {
  const where = namespace === undefined ? '' : `  namespace: ${namespace}\n`;
  return `apiVersion: rbac.authorization.k8s.io/v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n${where}`;
}
