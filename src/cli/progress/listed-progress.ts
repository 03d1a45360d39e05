import { styleText } from 'node:util';
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from 'listr2';
import type { MigrationEvent, StepName } from '../../migration/contract.ts';
import { escapeControls } from '../escape.ts';
import { measureTexts } from '../quantities.ts';
import { stepTitles } from '../step-titles.ts';
import { LiveStep } from './live-step.ts';
import type { Progress } from './progress.ts';

/** listr2 looks at standard output to choose a renderer; here the choice was made by the stream that is written to. */
class ListRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** In these the pod stands still: their figures must not be overlooked. */
const frozenSteps: readonly StepName[] = ['checkpoint', 'restore', 'commit'];

/** As often as listr2 turns its spinner. */
const drawMs = 100;

type StepEnd = Extract<MigrationEvent, { type: 'step-done' | 'step-failed' }> | 'unknown';

/**
 * A live list of the steps on a terminal. The engine does not live in listr2's tasks: each task only waits for the
 * events of its step.
 */
export function listedProgress(output: NodeJS.WriteStream, steps: readonly StepName[]): Progress {
  const ends = new Map(steps.map((step) => [step, Promise.withResolvers<StepEnd>()]));
  const isOver = Promise.withResolvers<'over'>();
  let show: (message: string) => void = () => undefined;
  const list = new Listr(
    steps.map((step) => ({
      title: stepTitles[step],
      task: async (_context: unknown, task: { title: string; output: string }) => {
        show = (message) => (task.output = message);
        const end = await Promise.race([ends.get(step)?.promise, isOver.promise]);
        if (end === 'over' || (typeof end === 'object' && end.type === 'step-failed')) throw new Error(`${step} did not come to its end`);
        if (typeof end === 'object')
          task.title = `${stepTitles[step]}  ${styleText(colourOf(step), measureTexts(end.ms, end.bytes).join(', '), { stream: output })}`;
      },
    })),
    {
      renderer: ListRenderer,
      rendererOptions: { logger: new ListrLogger({ processOutput: new ProcessOutput(output, output) }), showErrorMessage: false },
      // A signal has to take the migration back, which is not listr2's business.
      registerSignalListeners: false,
    },
  );
  const live = new LiveStep();
  const draw = (): void => {
    const text = escapeControls(live.text(performance.now()));
    if (text !== '') show(live.isFrozen ? styleText(['bold', 'yellow'], text, { stream: output }) : text);
  };
  const drawing = setInterval(draw, drawMs);
  const held: string[] = [];
  let isDrawn = false;
  const drawn = list
    .run()
    .catch(() => undefined)
    .then(() => {
      isDrawn = true;
      for (const message of held) output.write(`${message}\n`);
    });
  const say = (told: string): void => {
    const message = escapeControls(told);
    // While the list is drawn there is no place for lines but in it; it is gone from there when its step ends.
    if (isDrawn) return void output.write(`${message}\n`);
    held.push(message);
    show(message);
  };
  return {
    say,
    onEvent: (event) => {
      live.onEvent(event, performance.now());
      draw();
      if (event.type === 'notice') say(event.message);
      else if (event.type === 'step-done' || event.type === 'step-failed') ends.get(event.step)?.resolve(event);
      // A step whose end was never told is over when a later one begins.
      else if (event.type === 'step-started')
        for (const step of steps.slice(0, steps.indexOf(event.step))) ends.get(step)?.resolve('unknown');
    },
    end: async () => {
      isOver.resolve('over');
      clearInterval(drawing);
      await drawn;
    },
  };
}

function colourOf(step: StepName): 'yellow' | 'dim' {
  return frozenSteps.includes(step) ? 'yellow' : 'dim';
}
