import type { KubeConnection } from '../kube/connection.ts';
import { finding, type Finding } from './finding.ts';

export interface Right {
  readonly verb: string;
  /** Empty for the core API. */
  readonly group?: string;
  /** With its subresource, if any: `pods/exec`. */
  readonly resource: string;
  /** Left out for what is of the cluster. */
  readonly namespace?: string;
  /** Of the one object that it is about. */
  readonly name?: string;
}

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/**
 * Which of these rights, which a migration needs, the user does not have, so that it is told before anything is touched. Best effort: a
 * server that does not answer such questions lets the migration find out by itself.
 */
export async function missingRights(connection: KubeConnection, rights: readonly Right[], signal: AbortSignal): Promise<Finding[]> {
  const allowed = await Promise.all(rights.map(async (right) => isAllowed(connection, right, signal)));
  return rights
    .filter((_right, index) => !allowed[index])
    .map(({ verb, resource, namespace, name }) =>
      finding(
        'KM-RIGHTS',
        { kind: 'namespace', name: namespace ?? '' },
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
    ...(namespace === undefined ? {} : { namespace }),
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
