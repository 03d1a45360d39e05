import type { NodeFacts } from '../protocol/agent-calls.ts';
import { finding, type Finding, type Subject } from './finding.ts';

/**
 * In what the target's node lacks something that a checkpoint of the source's may rely on; empty when all is well.
 *
 * @param on the target's node
 */
export function nodeDifferences(on: Subject, source: NodeFacts, target: NodeFacts): Finding[] {
  const findings: Finding[] = [];
  const differ = (text: string): unknown => findings.push(finding('KM-NODES-DIFFER', on, text));
  if (source.architecture !== target.architecture)
    differ(`the nodes have other processors: ${source.architecture}, there ${target.architecture}`);
  if (source.cgroupVersion !== target.cgroupVersion) {
    differ(`the nodes have other cgroup versions: ${source.cgroupVersion}, there ${target.cgroupVersion}`);
  }
  const flags = new Set(target.cpuFlags);
  // Only what a program can use of itself matters; the rest are the kernel's and the hypervisor's matters.
  const missing = source.cpuFlags.filter(
    (flag) => !flags.has(flag) && /^(sse|avx|aes|fma|bmi|sha|xsave|adx|popcnt|f16c|vaes|gfni|amx|mpx)/.test(flag),
  );
  if (missing.length > 0) findings.push(finding('KM-PROCESSOR', on, `the target's processor lacks ${missing.join(', ')}`));
  const flavour = (runtime: string): string => runtime.split(' ')[0] ?? '';
  if (flavour(source.runtimeVersion) !== flavour(target.runtimeVersion)) {
    differ(`the nodes have other container runtimes: ${source.runtimeVersion}, there ${target.runtimeVersion}`);
  }
  return findings;
}
