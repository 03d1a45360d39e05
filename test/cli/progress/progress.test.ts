import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/cli/progress/progress.ts';
import { progressOn } from '../../../src/cli/progress/progress-on.ts';
import { stepsOf, type MigrationEvent, type StepName } from '../../../src/migration/contract.ts';
import { Terminal } from '../terminal.ts';

async function shown(isTerminal: boolean, work: (progress: Progress) => void, steps: readonly StepName[] = stepsOf({})): Promise<string> {
  const terminal = new Terminal(isTerminal);
  const progress = await progressOn(terminal.stream, {}, steps);
  work(progress);
  await progress.end();
  return terminal.text;
}

/** What the list looks like when it is drawn for the last time. */
function lastList(text: string): string[] {
  const lines = stripVTControlCharacters(text).split('\n');
  return lines.slice(lines.findLastIndex((line) => line.includes('Plan'))).map((line) => line.trimEnd());
}

function run(progress: Progress, events: readonly MigrationEvent[]): void {
  for (const event of events) progress.onEvent(event);
}

/** As the engine does it. */
const wholeOf = (steps: readonly StepName[]): MigrationEvent[] =>
  steps.flatMap((step) => [
    { type: 'step-started', step },
    { type: 'step-done', step, ms: 200, bytes: step === 'checkpoint' ? 100_000_000 : 0 },
  ]);
const whole = wholeOf(stepsOf({}));

const failed: readonly MigrationEvent[] = [
  { type: 'step-started', step: 'plan' },
  { type: 'step-done', step: 'plan', ms: 10, bytes: 0 },
  { type: 'step-started', step: 'prepare' },
  { type: 'step-progress', step: 'prepare', message: 'starting the helper pods' },
  { type: 'log', message: 'for the log alone' },
  { type: 'step-failed', step: 'prepare', ms: 1234, message: 'no such image' },
  { type: 'notice', message: 'rolling back' },
];

describe('elsewhere than on a terminal', () => {
  test('there are lines, with figures in columns', async () => {
    const text = await shown(false, (progress) => run(progress, whole.slice(0, 15)));
    expect(text).toBe(
      [
        'plan ...',
        'plan          200 ms',
        'prepare ...',
        'prepare       200 ms',
        'precopy ...',
        'precopy       200 ms',
        'standby ...',
        'standby       200 ms',
        'checkpoint ...',
        'checkpoint    200 ms    100 MB  500 MB/s',
        'restore ...',
        'restore       200 ms',
        'commit ...',
        'commit        200 ms',
        'cutover ...',
        '',
      ].join('\n'),
    );
  });

  test('a failure and what follows from it are told', async () => {
    const text = await shown(false, (progress) => run(progress, failed));
    expect(text.split('\n').slice(2)).toEqual([
      'prepare ...',
      'prepare     starting the helper pods ...',
      'prepare failed after 1.2 s',
      'rolling back',
      '',
    ]);
  });

  test.each([[{ TERM: 'dumb' }], [{ CI: 'true' }]])('and neither where the terminal is none: %o', async (env) => {
    const terminal = new Terminal(true);
    const progress = await progressOn(terminal.stream, env, stepsOf({}));
    progress.say('hello');
    expect(terminal.text).toBe('hello\n');
  });

  test('nor where the list would not be seen whole', async () => {
    const terminal = new Terminal(true, 10);
    const progress = await progressOn(terminal.stream, {}, stepsOf({}));
    progress.say('hello');
    expect(terminal.text).toBe('hello\n');
  });
});

describe('on a terminal', () => {
  test('there is a list of all steps, with their figures in the end', async () => {
    const text = await shown(true, (progress) => run(progress, whole));
    expect(lastList(text)).toEqual([
      '✔ Plan  200 ms',
      '✔ Prepare both nodes  200 ms',
      '✔ Copy files ahead  200 ms',
      '✔ Put the pod on standby at the peer  200 ms',
      '✔ Freeze and checkpoint  200 ms, 100 MB, 500 MB/s',
      '✔ Restore at the peer  200 ms',
      '✔ Commit: it runs there now  200 ms',
      '✔ Replace the pod object  200 ms',
      '✔ Clean up  200 ms',
      '',
    ]);
  });

  test('a step that was asked for is among them', async () => {
    const steps = stepsOf({ quiesceMs: 1 });
    const list = lastList(await shown(true, (progress) => run(progress, wholeOf(steps)), steps));
    expect(list.slice(3, 6)).toEqual([
      '✔ Put the pod on standby at the peer  200 ms',
      '✔ Let its requests end  200 ms',
      '✔ Freeze and checkpoint  200 ms, 100 MB, 500 MB/s',
    ]);
  });

  test('a failure ends the list, and what follows from it is told below', async () => {
    const list = lastList(await shown(true, (progress) => run(progress, failed)));
    expect(list.slice(0, 3)).toEqual(['✔ Plan  10 ms', '✖ Prepare both nodes', '◼ Copy files ahead']);
    expect(list.slice(-2)).toEqual(['rolling back', '']);
  });

  test('a list that nothing more comes for ends all the same', async () => {
    expect(lastList(await shown(true, (progress) => run(progress, whole.slice(0, 3))))[1]).toBe('✖ Prepare both nodes');
  });

  test('a step that never told its end is over when the next begins', async () => {
    const text = await shown(true, (progress) => run(progress, [...whole.slice(0, 3), ...whole.slice(4)]));
    expect(lastList(text).slice(1, 3)).toEqual(['✔ Prepare both nodes', '✔ Copy files ahead  200 ms']);
  });

  test('the cursor is seen again', async () => {
    const text = await shown(true, (progress) => run(progress, failed));
    expect(text.lastIndexOf('\u001B[?25h')).toBeGreaterThan(text.lastIndexOf('\u001B[?25l'));
  });
});
