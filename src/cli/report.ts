import type { MigrationReport, PlanReport } from '../migration/contract.ts';
import { bytesText, timeText } from './quantities.ts';

/** The last line for a person: how long the pod stood still, and how long it all took. */
export function lastLine(report: MigrationReport): string {
  const { namespace, pod, to, node, frozenMs, totalMs, bytes } = report;
  return `pod ${namespace}/${pod} runs on ${to} (node ${node}): frozen ${timeText(frozenMs)}, ${timeText(totalMs)} in all, ${bytesText(bytes)}`;
}

/** What `--dry-run` prints. */
export function planText(plan: PlanReport): string {
  const lines = [
    `pod ${plan.namespace}/${plan.pod} (${plan.containers.join(', ')}) would move from node ${plan.from} to ${plan.to}, namespace ${plan.twinNamespace}`,
    ...section('carried', plan.carries),
    ...section('lost', plan.loses),
    ...section(
      'in the way',
      plan.blocks.map(({ reason, hint }) => (hint === undefined ? reason : `${reason} (${hint})`)),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${title}:`, ...items.map((item) => `  - ${item}`)];
}
