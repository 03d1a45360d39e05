import { stepNames, type StepName } from '../migration/contract.ts';
import type { Progress } from './progress.ts';
import { measureTexts, timeText } from './quantities.ts';

const nameWidth = Math.max(...stepNames.map((name) => name.length));

/** Lines for logs and scripts: one when a step begins, one for each thing it is at, one with its figures when it ends. */
export function plainProgress(output: NodeJS.WritableStream): Progress {
  const say = (message: string): void => void output.write(`${message}\n`);
  const row = (step: StepName, text: string): void => say(`${step.padEnd(nameWidth)}  ${text}`);
  return {
    say,
    onEvent: (event) => {
      if (event.type === 'step-started') say(`${event.step} ...`);
      else if (event.type === 'step-progress') row(event.step, `${event.message} ...`);
      else if (event.type === 'step-done') row(event.step, columns(event.ms, event.bytes));
      else if (event.type === 'step-failed') say(`${event.step} failed after ${timeText(event.ms)}`);
      else if (event.type === 'notice') say(event.message);
    },
    end: async () => undefined,
  };
}

function columns(ms: number, bytes: number): string {
  return measureTexts(ms, bytes)
    .map((text) => text.padStart(8))
    .join('  ');
}
