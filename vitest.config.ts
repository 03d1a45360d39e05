import { defineConfig } from 'vitest/config';
import { Order } from './test/order.ts';

const reporters = ['default', './test/closing-line.ts'];

// Two kinds of tests: those of pure parts, and those on the bed, one after the other because they share its nodes.
export default defineConfig({
  test: {
    reporters,
    sequence: { sequencer: Order },
    projects: [
      // Not a limit of the product's: a busy machine may take its time.
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/e2e/**'], testTimeout: 60_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/bed-up.ts'],
          setupFiles: ['test/e2e/await-bed.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          maxConcurrency: 2,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
