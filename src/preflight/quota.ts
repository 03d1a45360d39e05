import type { KubeConnection } from '../kube/connection.ts';
import { unlessForbidden } from '../kube/errors.ts';
import { quantity } from '../kube/quantity.ts';
import type { KubeObject, Pod } from '../kube/types.ts';
import { finding, type Finding } from './finding.ts';

export interface ResourceQuota extends KubeObject {
  readonly spec?: { readonly scopes?: readonly string[]; readonly scopeSelector?: unknown };
  readonly status?: { readonly hard?: Readonly<Record<string, string>>; readonly used?: Readonly<Record<string, string>> };
}

/** The helper pods are there as well while the object is replaced. */
const helpers = 2;

/**
 * The quotas of the pod's namespace that have no room for a second object of it, as long as they have not noticed that the old one is
 * gone. Those of some pods alone (scopes) are left out, as nobody but the server knows which.
 */
export function quotaFindings(pod: Pod, quotas: readonly ResourceQuota[]): Finding[] {
  return quotas.flatMap(({ metadata: { name }, spec, status }) => {
    if ((spec?.scopes ?? []).length > 0 || spec?.scopeSelector !== undefined) return [];
    const full = Object.entries(status?.hard ?? {}).filter(
      ([resource, hard]) => quantity(status?.used?.[resource]) + wantedOf(pod, resource) > quantity(hard),
    );
    if (full.length === 0) return [];
    const what = full.map(([resource, hard]) => `${resource}: ${status?.used?.[resource] ?? 0} of ${hard}`).join(', ');
    const text = `quota ${name} has no room for another object of it beside the old one (${what}): replacing that takes longer`;
    return [finding('KM-QUOTA-FULL', { kind: 'namespace', name: pod.metadata.namespace ?? '' }, text)];
  });
}

/** What of a quota's resource another object of the pod takes (apiserver's quota/v1/evaluator/core/pods.go). */
function wantedOf({ spec }: Pod, resource: string): number {
  if (resource === 'pods' || resource === 'count/pods') return 1 + helpers;
  const [kind = 'requests', name = resource] = resource.includes('.') ? resource.split(/\.(.*)/s) : ['requests', resource];
  if (kind !== 'requests' && kind !== 'limits') return 0;
  return spec.containers.reduce((sum, { resources }) => sum + quantity(resources?.[kind]?.[name]), 0);
}

/** Those of a namespace; none when the user may not see them: the plan does without. */
export async function quotasIn(connection: KubeConnection, namespace: string, signal: AbortSignal): Promise<readonly ResourceQuota[]> {
  const list = await connection.list<ResourceQuota>(`/api/v1/namespaces/${namespace}/resourcequotas`, signal).catch(unlessForbidden);
  return list?.items ?? [];
}
