import type { Pod } from '../kube/types.ts';
import { revisionLabel } from '../owners/revision.ts';
import { when, type Finding } from './finding.ts';

const autoscaling = 'autoscaling.knative.dev';

/**
 * Whether Knative's autoscaler takes the pod away when it is idle: only its own class goes to zero, and the annotations of the Revision
 * are on each instance (knative.dev/serving pkg/apis/autoscaling/register.go, where the first spelling of min-scale is too). Pure.
 */
export function scalingFindings({ metadata }: Pod): Finding[] {
  const { labels = {}, annotations = {}, name } = metadata;
  const revision = labels[revisionLabel];
  const isOfKnative = (annotations[`${autoscaling}/class`] ?? `kpa.${autoscaling}`) === `kpa.${autoscaling}`;
  const least = annotations[`${autoscaling}/min-scale`] ?? annotations[`${autoscaling}/minScale`] ?? '0';
  return when(
    revision !== undefined && isOfKnative && !(Number(least) > 0),
    'KM-SCALED',
    { kind: 'pod', name },
    `Knative takes it away, with what it has in memory, when Revision ${revision} is idle (min-scale ${least}): set min-scale 1 to keep it`,
  );
}
