import { Listr, ListrLogger, ProcessOutput } from 'listr2';
import { stepNames, type MigrationEvent, type OnEvent, type StepName } from '../migration/contract.ts';
import { bytesText, timeText } from './quantities.ts';

export const stepTitles: Readonly<Record<StepName, string>> = {
  plan: 'Plan',
  prepare: 'Prepare both nodes',
  precopy: 'Copy files ahead',
  standby: 'Put the pod on standby at the peer',
  checkpoint: 'Checkpoint',
  restore: 'Restore',
  commit: 'Commit',
  cutover: 'Cut over',
  cleanup: 'Clean up',
};

export interface Progress {
  readonly onEvent: OnEvent;
  /** Draws the end of what was begun; call it when nothing more will come. */
  end: () => Promise<void>;
}

/** Plain lines, one when a step begins and one when it ends: for logs and scripts. */
export function plainProgress(output: NodeJS.WritableStream): Progress {
  const say = (line: string): void => void output.write(`${line}\n`);
  return {
    onEvent: (event) => {
      if (event.type === 'step-started') say(`${event.step} ...`);
      else if (event.type === 'step-done') say(`${event.step}: ${measures(event)}`);
      else if (event.type === 'step-failed') say(`${event.step} failed after ${timeText(event.ms)}`);
      else if (event.type === 'notice') say(event.message);
    },
    end: async () => undefined,
  };
}

/**
 * A live list of the steps on a terminal. The engine does not live in listr2's tasks: each task only waits for the
 * events of its step.
 */
export function listedProgress(output: NodeJS.WriteStream): Progress {
  const ends = new Map(stepNames.map((step) => [step, Promise.withResolvers<MigrationEvent>()]));
  const titles = new Map<StepName, (message: string) => void>();
  const isOver = Promise.withResolvers<MigrationEvent>();
  const list = new Listr(
    stepNames.map((step) => ({
      title: stepTitles[step],
      task: async (_context: unknown, task: { title: string; output: string }) => {
        titles.set(step, (message) => {
          task.output = message;
        });
        const event = await Promise.race([ends.get(step)?.promise ?? isOver.promise, isOver.promise]);
        if (event.type === 'step-done') task.title = `${stepTitles[step]} (${measures(event)})`;
        if (event.type === 'step-failed') throw new Error(event.message);
        if (event.type === 'notice') throw new Error(event.message);
      },
    })),
    {
      renderer: 'default',
      fallbackRenderer: 'simple',
      registerSignalListeners: false,
      rendererOptions: { logger: new ListrLogger({ processOutput: new ProcessOutput(output, output) }), collapseErrors: true, showErrorMessage: false },
    } as never,
  );
  const drawn = list.run().catch(() => undefined);
  return {
    onEvent: (event) => {
      if (event.type === 'step-progress') titles.get(event.step)?.(event.message);
      if (event.type === 'step-done' || event.type === 'step-failed') ends.get(event.step)?.resolve(event);
    },
    end: async () => {
      isOver.resolve({ type: 'notice', message: '' });
      await drawn;
    },
  };
}

function measures({ ms, bytes }: Extract<MigrationEvent, { type: 'step-done' }>): string {
  if (bytes === 0) return timeText(ms);
  return `${timeText(ms)}, ${bytesText(bytes)}, ${bytesText((bytes / Math.max(ms, 1)) * 1000)}/s`;
}
