import type { Container, Pod } from '../kube/types.ts';
import { finding, type Finding } from './finding.ts';

/**
 * What a LimitRange of a namespace would give to containers that run without it. The pod's object is made anew in both clusters,
 * and is given defaults that its processes have never had: limits under which they may be killed at once. The target
 * helper's containers with the pod's images ask for nothing, so what they have is what the LimitRange gives.
 *
 * @param helper the target helper as the cluster has it
 * @param where the cluster, as the user calls it
 */
export function limitRangeFindings(pod: Pod, helper: Pod, where: string): Finding[] {
  const given = helper.spec.containers.at(-1)?.resources;
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap((container) => {
    const missing = (['limits', 'requests'] as const).flatMap((kind) => lacking(container, kind, given?.[kind] ?? {}));
    if (missing.length === 0) return [];
    const { name } = container;
    const text = `container ${name} would be given resources by a LimitRange in cluster ${where} that it does not have: ${missing.join(', ')}`;
    return [
      finding('KM-LIMIT-RANGE', { kind: 'container', name }, text, 'give the container resources of its own, or change the LimitRange'),
    ];
  });
}

/** A limit of its own stands for a request as well. */
function lacking({ resources }: Container, kind: 'limits' | 'requests', given: Readonly<Record<string, string>>): string[] {
  const own = { ...resources?.limits, ...(kind === 'requests' ? resources?.requests : {}) };
  return Object.entries(given)
    .filter(([resource]) => own[resource] === undefined)
    .map(([resource, amount]) => `${kind}.${resource} ${amount}`);
}
