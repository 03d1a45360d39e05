import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one plain line that any script can read: `N passed, N failed`. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const count = (state: string): number => states.filter((one) => one === state).length;
    const broken = modules.filter((module) => module.errors().length > 0).length + errors.length;
    const skipped = count('skipped') > 0 ? `, ${count('skipped')} skipped` : '';
    // After the runner's own summary, which is printed by a reporter of the same moment.
    process.once('exit', () => process.stdout.write(`${count('passed')} passed, ${count('failed') + broken} failed${skipped}\n`));
  }
}
