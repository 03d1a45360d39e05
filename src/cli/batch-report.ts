import { MigrateError } from '../errors.ts';
import { endOf, type PlannedPod, type PodOutcome } from '../migration/batch.ts';
import type { PlanReport } from '../migration/contract.ts';
import type { DryRun } from '../migration/dry-run.ts';
import type { LeftOut } from '../migration/select.ts';
import { blockersAmong, findingText, type Finding } from '../preflight/finding.ts';
import type { Result } from './output/render.ts';
import { tableText } from './output/table.ts';
import { bytesText, secondsText } from './quantities.ts';

/** What several pods are asked to be moved to, and which. */
export interface Batch {
  readonly namespace: string;
  /** As the user calls the peer. */
  readonly to: string;
  readonly leftOut: readonly LeftOut[];
}

/** What has become of several pods, for programs. */
export interface BatchReport extends Batch {
  readonly items: readonly PodOutcome[];
}

const none = '<none>';

/** What a dry run of several pods prints. */
export function planOfAll(batch: Batch, planned: readonly PlannedPod[], isKeepGoing: boolean): Result {
  const moving = planned.filter(({ decision }) => decision === 'move' || decision === 'finish');
  return {
    data: { ...batch, items: planned },
    names: moving.map(({ pod }) => `pod/${pod}`),
    text: () => {
      const plans = planned.flatMap((one) => (one.decision === 'move' ? [one] : []));
      const notTried = planned.flatMap((one) => ('notChecked' in one ? one.notChecked : []));
      return [
        planTable(batch, planned, isKeepGoing),
        section('Lost:', sharedTexts(plans, 'loses')),
        section('Changed:', sharedTexts(plans, 'changes')),
        section('Not tried:', [...new Set(notTried)]),
      ].join('');
    },
  };
}

/** What is going to be done, a row for each pod. */
export function planTable({ to, leftOut }: Batch, planned: readonly PlannedPod[], isKeepGoing: boolean): string {
  const refused = planned.filter(({ decision }) => decision === 'refuse').length;
  const moving = planned.filter(({ decision }) => decision === 'move' || decision === 'finish').length;
  const head =
    refused > 0 && !isKeepGoing
      ? `${refused} of ${podsText(planned.length)} cannot be migrated to ${to}, so none is:`
      : `${podsText(moving)} to migrate to ${to}${moving > 1 ? ', one after the other' : ''}:`;
  const rows = planned.map((one) =>
    one.decision === 'finish'
      ? [one.pod, none, none, 'what another command has begun is finished or taken back']
      : [one.pod, one.from || none, one.decision === 'move' ? secondsText(one.budget.ms) : none, rowText(one)],
  );
  return `${head}\n${tableText(['NAME', 'FROM', 'MAY FREEZE', 'PLAN'], rows)}${section('Left out:', leftOut.map(leftOutText))}`;
}

function rowText({ decision, findings, to }: Exclude<PlannedPod, { decision: 'finish' }>): string {
  if (decision === 'move') return 'move';
  if (decision === 'skip') return `is at ${to} already`;
  return blockersAmong(findings)
    .map((one) => (one.remedy === undefined ? findingText(one) : `${findingText(one)} (${one.remedy})`))
    .join('; ');
}

function leftOutText({ what, why }: LeftOut): string {
  return `${what} ${why}`;
}

/** Each once, with the pods that it is about when not all of them are. */
function sharedTexts(plans: readonly (PlanReport | DryRun)[], effect: Finding['effect']): string[] {
  const found = plans.flatMap(({ pod, findings }) => findings.filter((one) => one.effect === effect).map((one) => [pod, findingText(one)]));
  return [...Map.groupBy(found, ([, text = '']) => text)].map(([text, ones]) => {
    const pods = [...new Set(ones.map(([pod = '']) => pod))];
    return pods.length === plans.length ? text : `${pods.join(', ')}: ${text}`;
  });
}

/** What is printed of several pods that were to be moved. */
export function resultOfAll(report: BatchReport): Result {
  const moved = report.items.filter(({ outcome }) => outcome === 'moved');
  return {
    data: report,
    names: moved.map(({ pod }) => `pod/${pod}`),
    text: (isWide) => (isWide ? outcomeTable(report.items) : moved.map(({ pod }) => `pod/${pod} migrated\n`).join('')),
  };
}

/** What has become of each, for a person. */
export function reportText({ to, items, leftOut }: BatchReport): string {
  return `${countText(items)} migrated to ${to}:\n${outcomeTable(items)}${section('Left out:', leftOut.map(leftOutText))}`;
}

function outcomeTable(items: readonly PodOutcome[]): string {
  return tableText(['NAME', 'OUTCOME', 'NODE', 'FROZEN', 'TOTAL', 'BYTES', 'WHY'], items.map(outcomeRow));
}

const words = { 'moved': 'migrated', 'skipped': 'there before', 'not-begun': 'not begun' } as const;

function outcomeRow(item: PodOutcome): string[] {
  const { pod, outcome } = item;
  if (outcome === 'moved') {
    const { node, frozenMs, totalMs, bytes } = item;
    return [
      pod,
      words[outcome],
      node,
      frozenMs === null ? '<unknown>' : secondsText(frozenMs),
      secondsText(totalMs),
      bytesText(bytes),
      none,
    ];
  }
  const isOfError = 'message' in item;
  return [pod, isOfError ? outcome : words[item.outcome], none, none, none, none, isOfError ? item.message.replaceAll('\n', ' ') : none];
}

/**
 * The error that a command for several pods ends with; undefined when all of them are at the peer.
 *
 * @param isStopped by the user
 */
export function errorOfAll({ to, items }: BatchReport, isStopped: boolean): MigrateError | undefined {
  const kind = endOf(items, isStopped);
  if (kind === undefined) return undefined;
  const left = items.filter(({ outcome }) => outcome !== 'moved' && outcome !== 'skipped');
  const message = `${countText(items)} migrated to ${to}; not ${left.map(({ pod, outcome }) => `${pod} (${outcome.replace('-', ' ')})`).join(', ')}`;
  const findings = left.flatMap((one) => ('findings' in one ? (one.findings ?? []) : []));
  return new MigrateError(kind, kind === 'interrupted' ? `stopped: ${message}` : message, { hint: hintOf(kind, items, to), findings });
}

function hintOf(kind: MigrateError['kind'], items: readonly PodOutcome[], to: string): string {
  if (kind === 'refused' && items.some(({ outcome }) => outcome === 'not-begun'))
    return 'nothing was touched; --keep-going moves those that can be moved';
  if (kind === 'refused') return 'nothing was touched';
  if (kind === 'in-doubt') return 'look after the pod that is in doubt first';
  return `the same command again goes on with those that are not at ${to}`;
}

function countText(items: readonly PodOutcome[]): string {
  const wanted = items.filter(({ outcome }) => outcome !== 'skipped').length;
  return `${items.filter(({ outcome }) => outcome === 'moved').length} of ${podsText(wanted)}`;
}

function podsText(count: number): string {
  return `${count} ${count === 1 ? 'pod' : 'pods'}`;
}

function section(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${[title, ...items.map((item) => `  ${item}`)].join('\n')}\n`;
}
