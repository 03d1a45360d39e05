import type { MigrationReport, TimelineSpan } from '../../../src/migration/contract.ts';

const steps: readonly (readonly [TimelineSpan['name'], number, number])[] = [
  ['plan', 0, 40],
  ['prepare', 40, 3000],
  ['precopy', 3000, 3050],
  ['standby', 3050, 4000],
  ['checkpoint', 4000, 4200],
  ['restore', 4200, 4300],
  ['commit', 4300, 4310],
  ['cutover', 4310, 4900],
  ['cleanup', 4900, 5000],
];

/** A migration of a second container that has a hostile name. */
export const report: MigrationReport = {
  pod: 'web-0',
  namespace: 'demo',
  from: 'home-1',
  to: 'away',
  node: 'away-2',
  frozenMs: 310,
  totalMs: 5000,
  bytes: 130_000_000,
  steps: [],
  findings: [],
  notes: [],
  timeline: {
    errorMs: { source: 1.2, target: 2.5 },
    spans: [
      ...steps.map(([name, fromMs, toMs]) => ({ side: 'cli' as const, name, fromMs, toMs })),
      { side: 'source', name: 'send-files', fromMs: 3005, toMs: 3040 },
      { side: 'source', name: 'freeze', fromMs: 4000, toMs: 4010 },
      { side: 'source', name: 'frozen', fromMs: 4000, toMs: 4310 },
      { side: 'source', name: 'dump', container: 'main', fromMs: 4010, toMs: 4150 },
      { side: 'source', name: 'dump', container: '<b>&"x', fromMs: 4010, toMs: 4160 },
      { side: 'target', name: 'build', container: 'main', fromMs: 4100, toMs: 4180 },
      { side: 'target', name: 'await-pages', container: 'main', fromMs: 4180, toMs: 4200 },
      { side: 'target', name: 'fill', container: 'main', fromMs: 4200, toMs: 4290 },
    ],
  },
};
