import type { KubeConnection } from '../kube/connection.ts';
import { endpointsIn } from '../kube/paths.ts';
import type { KubeObject, Pod } from '../kube/types.ts';
import { revisionLabel } from '../owners/revision.ts';
import { finding, type Finding } from '../preflight/finding.ts';
import type { Quiescing } from '../quiesce/quiescing.ts';

/** The Service by which Knative itself comes to the instances (knative.dev/networking pkg/apis/networking/register.go). */
const isPrivate = 'networking.internal.knative.dev/serviceType=Private';

/**
 * How that pod's requests can be kept away and waited for, or why they cannot.
 *
 * @throws KubeError when Endpoints may not be listed
 */
export async function quiescingOf(
  connection: KubeConnection,
  pod: Pod,
  limitMs: number,
  signal: AbortSignal,
): Promise<Quiescing | readonly Finding[]> {
  const { namespace = '', name, labels = {} } = pod.metadata;
  const refused = (text: string): Finding[] => [finding('KM-NO-QUIESCE', { kind: 'pod', name }, text, 'leave --quiesce away')];
  const revision = labels[revisionLabel];
  if (revision === undefined || !pod.spec.containers.some((container) => container.name === 'queue-proxy'))
    return refused('it has no queue-proxy of Knative, which could tell when its requests are done (--quiesce)');
  const query = { labelSelector: `${revisionLabel}=${revision},${isPrivate}` };
  const [found] = (await connection.list<KubeObject>(endpointsIn(namespace), signal, query)).items;
  if (!found) return refused(`Revision ${revision} has no Endpoints by which its requests come (--quiesce)`);
  return { by: 'queue-proxy', endpoints: found.metadata.name, limitMs };
}
