import type { MigrationReport, TimelineSpan } from '../../migration/contract.ts';
import { stepTitles } from '../step-titles.ts';
import { timeText } from '../quantities.ts';

/** Waiting is drawn other than working; whoever waits costs nothing by himself. */
export interface Bar {
  readonly fromMs: number;
  readonly toMs: number;
  readonly what: string;
  readonly kind: 'step' | 'source' | 'target' | 'wait';
}

export interface Row {
  readonly label: string;
  readonly bars: readonly Bar[];
}

/** Rows of bars over one stretch of time, ms since the migration began. */
export interface Panel {
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly groups: readonly { readonly label: string; readonly rows: readonly Row[] }[];
}

/** What the pod's standing still looks like in a timeline. */
export interface Frozen {
  readonly fromMs: number;
  readonly toMs: number;
  readonly label: string;
}

export interface TimelineLayout {
  readonly title: string;
  readonly frozen: Frozen | undefined;
  readonly panels: readonly Panel[];
  readonly footnote: string;
}

const words: Readonly<Partial<Record<TimelineSpan['name'], string>>> = {
  'freeze': 'freeze',
  'dump': 'dump',
  'warm-up': 'warm up the link',
  'send-files': 'send files',
  'send-images': 'send images',
  'unpack': 'unpack files',
  'build': 'namespaces, processes',
  'await-pages': 'waits for its memory',
  'fill': 'memory, files, sockets',
  'await-others': 'waits for the others',
  'finish': 'credentials, rules',
  'await-commit': 'waits for the commit',
  'resume': 'goes on',
};

/** Arranges a migration as two pictures: all of it, step by step, and the time in which the pod stood still. */
export function layOut(report: MigrationReport): TimelineLayout {
  const { spans, errorMs } = report.timeline;
  const still = spans.find(({ name }) => name === 'frozen');
  const frozen = still && { fromMs: still.fromMs, toMs: still.toMs, label: `frozen ${timeText(still.toMs - still.fromMs)}` };
  return {
    title: `pod/${report.pod} from ${report.from} to ${report.to} (node ${report.node})`,
    frozen,
    panels: [whole(report), ...(frozen ? [close(report, frozen)] : [])],
    footnote: `The nodes' clocks were compared with that of kubectl migrate: source to ${errorMs.source} ms, target to ${errorMs.target} ms.`,
  };
}

function whole({ timeline, totalMs }: MigrationReport): Panel {
  const rows = timeline.spans.flatMap(({ side, name, fromMs, toMs }) =>
    side === 'cli' ? [{ label: titleOf(name), bars: [{ fromMs, toMs, what: timeText(toMs - fromMs), kind: 'step' as const }] }] : [],
  );
  return { title: `All of it: ${timeText(totalMs)}`, fromMs: 0, toMs: totalMs, groups: [{ label: 'kubectl migrate', rows }] };
}

function close({ timeline, from, node }: MigrationReport, frozen: Frozen): Panel {
  const margin = (frozen.toMs - frozen.fromMs) * 0.06;
  const fromMs = frozen.fromMs - margin;
  const toMs = frozen.toMs + margin;
  const near = timeline.spans.filter((span) => span.name !== 'frozen' && span.toMs > frozen.fromMs && span.fromMs < toMs);
  const source = near.filter(({ side }) => side === 'source');
  return {
    title: 'The pod stands still',
    fromMs,
    toMs,
    groups: [
      {
        label: `source, ${from}`,
        rows: rowsBy(source, ({ name, container }) => [words[name] ?? name, container].filter(Boolean).join(' ')),
      },
      {
        label: `target, ${node}`,
        rows: rowsBy(
          near.filter(({ side }) => side === 'target'),
          ({ container }) => `restore ${container ?? ''}`.trim(),
        ),
      },
    ],
  };
}

function rowsBy(spans: readonly TimelineSpan[], labelOf: (span: TimelineSpan) => string): Row[] {
  const rows = new Map<string, Bar[]>();
  for (const span of spans) {
    const { name, side, fromMs, toMs } = span;
    const bar: Bar = {
      fromMs,
      toMs,
      what: `${words[name] ?? name}, ${timeText(toMs - fromMs)}`,
      kind: name.startsWith('await-') ? 'wait' : side === 'source' ? 'source' : 'target',
    };
    rows.set(labelOf(span), [...(rows.get(labelOf(span)) ?? []), bar]);
  }
  return [...rows].map(([label, bars]) => ({ label, bars }));
}

function titleOf(name: TimelineSpan['name']): string {
  return (stepTitles as Readonly<Partial<Record<string, string>>>)[name] ?? name;
}
