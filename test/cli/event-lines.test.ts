import { expect, test } from 'vitest';
import { eventLines } from '../../src/cli/event-lines.ts';
import { MigrateError } from '../../src/errors.ts';
import { Terminal } from './terminal.ts';

const at = '2026-11-25T02:00:00.000Z';

function render(work: (lines: ReturnType<typeof eventLines>) => void): unknown[] {
  const terminal = new Terminal(false);
  work(eventLines(terminal.stream, () => new Date(at)));
  return terminal.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

test('every event is a line of its own, with version and time', () => {
  const lines = render(({ onEvent }) => {
    onEvent({ type: 'started', migration: '0a1b2c3d', pod: 'web-0', namespace: 'demo', to: 'away' });
    onEvent({ type: 'step-progress', step: 'prepare', message: 'two\nlines' });
    onEvent({ type: 'stage', stage: 'frozen' });
  });
  expect(lines).toEqual([
    { v: 1, at, type: 'started', migration: '0a1b2c3d', pod: 'web-0', namespace: 'demo', to: 'away' },
    { v: 1, at, type: 'step-progress', migration: '0a1b2c3d', step: 'prepare', message: 'two\nlines' },
    { v: 1, at, type: 'stage', migration: '0a1b2c3d', stage: 'frozen' },
  ]);
});

test('what is for the log alone stays there', () => {
  expect(render(({ onEvent }) => onEvent({ type: 'log', message: 'inner matters' }))).toEqual([]);
});

test('an error tells its kind, what to do and the exit code', () => {
  const lines = render(({ error }) => {
    error(new MigrateError('in-doubt', 'it did not confirm', { hint: 'look there' }));
    error(new Error('odd'));
  });
  expect(lines).toEqual([
    { v: 1, at, type: 'error', kind: 'in-doubt', message: 'it did not confirm', hint: 'look there', exitCode: 4 },
    { v: 1, at, type: 'error', kind: 'failed', message: 'odd', exitCode: 1 },
  ]);
});

test('of several migrations each line tells its own, but the last one, which is about all', () => {
  const started = { type: 'started', namespace: 'demo', to: 'away' } as const;
  const report = { namespace: 'demo', to: 'away', leftOut: [], items: [{ outcome: 'not-begun', namespace: 'demo', pod: 'c' }] } as const;
  const lines = render(({ onEvent, resultOfAll }) => {
    onEvent({ ...started, migration: '1', pod: 'a' });
    onEvent({ type: 'step-started', step: 'plan' });
    onEvent({ ...started, migration: '2', pod: 'b' });
    onEvent({ type: 'step-started', step: 'plan' });
    resultOfAll(report, 130);
  });
  expect(lines).toEqual([
    { v: 1, at, ...started, migration: '1', pod: 'a' },
    { v: 1, at, type: 'step-started', migration: '1', step: 'plan' },
    { v: 1, at, ...started, migration: '2', pod: 'b' },
    { v: 1, at, type: 'step-started', migration: '2', step: 'plan' },
    { v: 1, at, type: 'result', report, exitCode: 130 },
  ]);
});
