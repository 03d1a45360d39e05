import type { Pod, Toleration } from '../kube/types.ts';
import { finding, type Finding } from '../preflight/finding.ts';
import { virtualNodeToleration } from './names.ts';
import type { Taint } from './virtual-nodes.ts';

/** As the scheduler and the kubelet decide (k8s.io/component-helpers, Toleration.ToleratesTaint). */
export function tolerates({ key = '', operator = 'Equal', value = '', effect = '' }: Toleration, taint: Taint): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return operator === 'Equal' && key !== '' && value === (taint.value ?? '');
}

/**
 * The taints of the virtual node that the pod does not tolerate. The pod's object is put onto that node past the scheduler,
 * and a taint with NoExecute would then have it deleted. Liqo's webhook adds the toleration of its own taint to every pod.
 */
export function taintFindings({ spec }: Pod, virtualNode: string, taints: readonly Taint[]): Finding[] {
  const tolerations = [...(spec.tolerations ?? []), virtualNodeToleration];
  return taints
    .filter((taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((one) => tolerates(one, taint)))
    .map(({ key, value, effect }) => {
      const taint = `${key}${value === undefined ? '' : `=${value}`}:${effect}`;
      const text = `virtual node ${virtualNode} has the taint ${taint}, which it does not tolerate`;
      return finding('KM-TAINT', { kind: 'node', name: virtualNode }, text, 'add the toleration to the pod, or take the taint away');
    });
}
