import { stepNames, type StepName } from '../../migration/contract.ts';
import { escapeControls } from '../escape.ts';
import { measureTexts, timeText } from '../quantities.ts';
import { LiveStep } from './live-step.ts';
import type { Progress } from './progress.ts';

const nameWidth = Math.max(...stepNames.map((name) => name.length));
/** How often a line tells how much has been moved. */
const bytesIntervalMs = 10_000;

/** Lines for logs and scripts: one when a step begins, one for each thing it is at, one with its figures when it ends. */
export function plainProgress(output: NodeJS.WritableStream): Progress {
  const say = (message: string): void => void output.write(`${escapeControls(message)}\n`);
  const row = (step: StepName, text: string): void => say(`${step.padEnd(nameWidth)}  ${text}`);
  const live = new LiveStep();
  let nextBytesAt = 0;
  return {
    say,
    onEvent: (event) => {
      const now = performance.now();
      live.onEvent(event, now);
      if (event.type === 'step-started') {
        nextBytesAt = now + bytesIntervalMs;
        say(`${event.step} ...`);
      } else if (event.type === 'step-bytes' && now >= nextBytesAt) {
        nextBytesAt = now + bytesIntervalMs;
        row(event.step, `${live.text(now)} ...`);
      } else if (event.type === 'step-progress') row(event.step, `${event.message} ...`);
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
