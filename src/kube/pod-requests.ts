import { quantity } from './quantity.ts';
import type { Container, Pod } from './types.ts';

type Requests = Readonly<Record<string, string>> | undefined;

/**
 * How much of a resource the scheduler counts for a pod: its containers' requests, or those of an init container when
 * they are higher (with the sidecars that run beside it), and the overhead. Requests of the pod as a whole take their
 * place (k8s.io/component-helpers/resource: PodRequests).
 */
export function podRequest({ spec }: Pod, resource: string): number {
  const whole = (spec['resources'] as { requests?: Requests } | undefined)?.requests?.[resource];
  const overhead = quantity((spec['overhead'] as Requests)?.[resource]);
  if (whole !== undefined) return quantity(whole) + overhead;
  const requestOf = ({ resources }: Container): number => quantity(resources?.requests?.[resource]);
  let sidecars = 0;
  let highest = 0;
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecars += requestOf(container);
    highest = Math.max(highest, sidecars + (container.restartPolicy === 'Always' ? 0 : requestOf(container)));
  }
  const together = spec.containers.reduce((sum, container) => sum + requestOf(container), sidecars);
  return Math.max(together, highest) + overhead;
}
