import { isUnified } from '../../bed/cgroups.ts';
import { nodeNamed } from '../../bed/layout.ts';
import type { Container, Pod } from '../../src/kube/types.ts';
import { onNode } from './faults.ts';
import { containerIdOf, containerOf, podOf } from './pods.ts';

/** A pod of one container with limits, and so with limits as a whole. */
export function limitedPod(name: string, command: readonly string[], extra: Partial<Container> = {}): Pod {
  const resources = { limits: { cpu: '200m', memory: '64Mi' } };
  return podOf(name, [], { containers: [containerOf('main', command, { ...extra, resources })] });
}

/** What {@link limitsOnNode} tells of such a pod when nothing is amiss. */
export const limitsOfLimitedPod: readonly string[] = ['container', 'pod'].flatMap((whose) =>
  isUnified
    ? [`${whose} cpu.max 20000 100000`, `${whose} memory.max ${64 << 20}`]
    : [`${whose} cpu.cfs_period_us 100000`, `${whose} cpu.cfs_quota_us 20000`, `${whose} memory.limit_in_bytes ${64 << 20}`],
);

/** The limits that the kernel enforces on the first container of a pod, and on the pod as a whole, as its node's cgroups have them. */
export async function limitsOnNode(pod: Pod): Promise<string[]> {
  const files = isUnified ? 'cpu.max memory.max pids.max' : 'cpu.cfs_quota_us cpu.cfs_period_us memory.limit_in_bytes pids.max';
  const script = `
    for folder in $(find /sys/fs/cgroup -type d -name '*${containerIdOf(pod)}*'); do
      for file in ${files}; do
        [ ! -e $folder/$file ] || echo container $file $(cat $folder/$file)
        [ ! -e $folder/../$file ] || echo pod $file $(cat $folder/../$file)
      done
    done | sort -u`;
  const told = await onNode(nodeNamed(pod.spec.nodeName ?? ''), script);
  return told.split('\n').filter((line) => line !== '' && !line.endsWith(' pids.max max'));
}
