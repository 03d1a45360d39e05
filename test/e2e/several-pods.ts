import type { BatchReport } from '../../src/cli/batch-report.ts';
import type { Pod } from '../../src/kube/types.ts';
import { podOf } from './pods.ts';
import type { Ticks } from './ticks.ts';

/** Makes pods that are heard. */
export function heardPods(ticks: Ticks): (name: string, labels?: Record<string, string>, extra?: Partial<Pod['spec']>) => Pod {
  return (name, labels = {}, extra = {}) => {
    const pod = podOf(name, [], { containers: [ticks.beacon('main')], ...extra });
    return { ...pod, metadata: { ...pod.metadata, labels } };
  };
}

export function outcomesOf({ items }: BatchReport): string[] {
  return items.map(({ pod, outcome }) => `${pod} ${outcome}`);
}
