import { defineConfig } from 'vitest/config';
import { Order } from './test/order.ts';

const reporters = ['default', './test/closing-line.ts'];

/** Those that disturb the whole bed (agents are killed, networks cut, servers stopped), count on its quiet, or load it fully. */
const alone = ['carried', 'clients', 'daemons', 'dry-run', 'helper-pods', 'rolled-back', 'several', 'targets', 'slot', 'bed'].map(
  (name) => `test/e2e/${name}.test.ts`,
);
/** What takes long: everything fails at each moment. `npm run test:deaths`. */
const deaths = [
  'afterwards',
  'again',
  'clients-left',
  'clients-twenty',
  'fifty',
  'frozen',
  'held',
  'mishaps',
  'owners-again',
  'owners-later',
  'room',
  'several-ends',
  'standby',
  'versions',
].map((name) => `test/e2e/${name}.test.ts`);
// The limits are not the product's: a busy machine may take its time.
const onBed = {
  globalSetup: ['test/e2e/bed-up.ts'],
  setupFiles: ['test/e2e/await-bed.ts'],
  testTimeout: 180_000,
  hookTimeout: 180_000,
  maxConcurrency: 2,
};
/** The same with Knative Serving. `npm run test:knative`. */
const onKnative = {
  ...onBed,
  setupFiles: [...onBed.setupFiles, 'test/knative/await-knative.ts'],
  testTimeout: 600_000,
  hookTimeout: 600_000,
};

// Three kinds of tests: those of pure parts, while the bed comes up; on the bed those that mind only their own pods, three
// files at a time, as they mostly wait; then the others, one after the other; and by
// commands of their own what takes long, and what needs Knative. test/order.ts has the order within.
export default defineConfig({
  test: {
    reporters,
    maxWorkers: 3,
    sequence: { sequencer: Order },
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/e2e/**', 'test/knative/**'], testTimeout: 60_000 } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], exclude: [...alone, ...deaths], ...onBed } },
      { test: { name: 'alone', include: alone, ...onBed, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      { test: { name: 'deaths', include: deaths, ...onBed, maxWorkers: 1, sequence: { groupOrder: 2 } } },
      { test: { name: 'knative', include: ['test/knative/**/*.test.ts'], ...onKnative, maxWorkers: 1, sequence: { groupOrder: 3 } } },
    ],
  },
});
