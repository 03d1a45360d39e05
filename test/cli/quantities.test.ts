import { expect, test } from 'vitest';
import { didYouMean } from '../../src/did-you-mean.ts';
import { bytesText, measureTexts, secondsText, timeText } from '../../src/cli/quantities.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [4_240, '4.2 kB'],
  [99_940, '99.9 kB'],
  [99_960, '100 kB'],
  [999_400, '999 kB'],
  [999_600, '1.0 MB'],
  [130_900_000, '131 MB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test.each([
  [0, '0 ms', '0.00 s'],
  [214.4, '214 ms', '0.21 s'],
  [996, '996 ms', '1.0 s'],
  [999.6, '1.0 s', '1.0 s'],
  [7_912, '7.9 s', '7.9 s'],
  [59_940, '59.9 s', '59.9 s'],
  [59_960, '1 min 0 s', '1 min 0 s'],
  [125_400, '2 min 5 s', '2 min 5 s'],
])('%d ms are %s, or %s', (ms, time, seconds) => {
  expect([timeText(ms), secondsText(ms)]).toEqual([time, seconds]);
});

test('a step that moved something has a rate', () => {
  expect([measureTexts(214, 0), measureTexts(200, 100_000_000), measureTexts(0, 1000)]).toEqual([
    ['214 ms'],
    ['200 ms', '100 MB', '500 MB/s'],
    ['0 ms', '1.0 kB', '1.0 MB/s'],
  ]);
});

test.each([
  ['contxt', 'context'],
  ['too', 'to'],
  ['x', undefined],
  ['dryrun', 'dry-run'],
  ['selector', undefined],
])('%s was meant to be %s', (word, meant) => {
  expect(didYouMean(word, ['context', 'to', 'dry-run', 'output'])).toBe(meant);
});
