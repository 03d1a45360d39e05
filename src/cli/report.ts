import { styleText } from 'node:util';
import type { MigrationReport, PlanReport } from '../migration/contract.ts';
import type { DryRun } from '../migration/dry-run.ts';
import { findingText, type Finding } from '../preflight/finding.ts';
import { bytesText, secondsText } from './quantities.ts';

/** The last line for a person: how long the pod stood still, which stands out, and how long it all took. */
export function lastLine(report: MigrationReport, stream: NodeJS.WriteStream): string {
  const { pod, to, node, frozenMs, totalMs, bytes } = report;
  if (frozenMs === null)
    return `pod/${pod} migrated to ${to} (node ${node}): what was begun earlier is finished, ${secondsText(totalMs)}\n`;
  const frozen = styleText('bold', `frozen ${secondsText(frozenMs)}`, { stream });
  return `pod/${pod} migrated to ${to} (node ${node}): ${frozen}, ${secondsText(totalMs)} in all, ${bytesText(bytes)}\n`;
}

/** What `--dry-run` prints. */
export function planText(plan: PlanReport | DryRun): string {
  const having = (effect: Finding['effect']): Finding[] => plan.findings.filter((one) => one.effect === effect);
  const isBlocked = having('blocks').length > 0;
  const lines = [
    `pod/${plan.pod} ${isBlocked ? 'cannot be migrated' : 'would be migrated'} to ${plan.to} (${'notChecked' in plan ? 'server dry run' : 'dry run'})`,
    '',
    `Namespace:   ${plan.namespace}`,
    `Containers:  ${plan.containers.join(', ')}`,
    `From:        node ${plan.from || '<none>'}`,
    `To:          virtual node ${plan.to}, namespace ${plan.twinNamespace} there`,
    ...(plan.quiesces === undefined ? [] : [`Before that: ${plan.quiesces}`]),
    `May freeze:  ${secondsText(plan.budget.ms)} (${plan.budget.by})`,
    ...section(
      'In the way:',
      having('blocks').flatMap((one) => [findingText(one), ...(one.remedy === undefined ? [] : [`  (${one.remedy})`])]),
    ),
    ...section('Carried:', plan.carries),
    ...section('Lost:', having('loses').map(findingText)),
    ...section('Changed:', having('changes').map(findingText)),
    ...section('Not tried:', 'notChecked' in plan ? plan.notChecked : []),
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [title, ...items.map((item) => `  ${item}`)];
}
