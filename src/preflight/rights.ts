import type { KubeConnection } from '../kube/connection.ts';
import type { Pod } from '../kube/types.ts';
import type { Peer } from '../liqo/peer.ts';
import type { Parts } from './carried.ts';
import { finding, type Finding } from './finding.ts';

export interface Right {
  readonly verb: string;
  /** Empty for the core API. */
  readonly group?: string;
  /** With its subresource, if any: `pods/exec`. */
  readonly resource: string;
  readonly namespace: string;
  /** Of the one object that it is about. */
  readonly name?: string;
}

type RightsOf = { readonly pod: Pod; readonly peer: Peer } & Pick<Parts, 'tokens'>;

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/**
 * The rights at home that a plan does not use itself, but the steps after it do; docs/rbac.yaml has them all. A WebSocket
 * to `pods/exec` is a `get`, and Kubernetes 1.35 and newer ask for `create` besides.
 */
function rightsOf({ pod, peer, tokens }: RightsOf): Right[] {
  const namespace = pod.metadata.namespace ?? '';
  const ofPods = [
    ...['create', 'delete', 'list', 'watch'].map((verb) => ({ verb, resource: 'pods' })),
    ...['create', 'get'].map((verb) => ({ verb, resource: 'pods/exec' })),
  ].map((right) => ({ ...right, namespace }));
  const token = { verb: 'create', resource: 'serviceaccounts/token', namespace, name: pod.spec.serviceAccountName ?? 'default' };
  return [
    ...ofPods,
    ...(tokens.length > 0 ? [token] : []),
    { verb: 'get', resource: 'secrets', namespace: peer.tenantNamespace, name: peer.kubeconfigSecret },
  ];
}

/**
 * What the user may not do at home and a migration needs, so that it is told before anything is touched. Best effort: a
 * server that does not answer such questions lets the migration find out by itself.
 */
export async function missingRights(connection: KubeConnection, plan: RightsOf, signal: AbortSignal): Promise<Finding[]> {
  const rights = rightsOf(plan);
  const allowed = await Promise.all(rights.map(async (right) => isAllowed(connection, right, signal)));
  return rights
    .filter((_right, index) => !allowed[index])
    .map(({ verb, resource, namespace, name }) =>
      finding(
        'KM-RIGHTS',
        { kind: 'namespace', name: namespace },
        `you may not ${verb} ${resource}${name === undefined ? '' : ` ${name}`} in namespace ${namespace} of cluster ${connection.name}`,
        'docs/rbac.yaml of the project has the rights that a migration needs',
      ),
    );
}

/** Whether the connection's user has a right; true when the server does not answer the question. */
export async function isAllowed(
  connection: KubeConnection,
  { verb, group = '', resource: path, namespace, name }: Right,
  signal: AbortSignal,
): Promise<boolean> {
  const [resource, subresource] = path.split('/');
  const resourceAttributes = {
    verb,
    group,
    resource,
    namespace,
    ...(subresource === undefined ? {} : { subresource }),
    ...(name === undefined ? {} : { name }),
  };
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } };
  try {
    const { status } = await connection.create<AccessReview>('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review, signal);
    return status?.allowed !== false;
  } catch (error) {
    if (signal.aborted) throw error;
    return true;
  }
}
