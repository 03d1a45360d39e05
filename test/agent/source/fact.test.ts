import { expect, test } from 'vitest';
import { sourceFact } from '../../../src/agent/source/fact.ts';
import { settle } from '../../../src/protocol/settle.ts';

const yes = (): boolean => true;
const no = (): boolean => false;

test.each([
  ['committed', ['frozen', 'frozen'], 'committed'],
  ['committed', ['gone', 'gone'], 'committed'],
  [undefined, ['runs', 'gone'], 'runs'],
  [undefined, ['frozen', 'gone'], 'undecided'],
  ['aborted', ['frozen', 'gone'], 'undecided'],
  [undefined, ['gone', 'gone'], 'gone'],
] as const)('decision %s and containers %s: %s', (decision, containers, fact) => {
  expect(sourceFact(decision, containers, true, no)).toBe(fact);
});

test('what was let go and has ended since is never overtaken by the memory that the target still holds', () => {
  for (const isReplaced of [yes, no]) expect(settle(sourceFact('aborted', ['gone'], true, isReplaced), 'held')).toBe('roll back');
});

test('a claim that was taken anew, of which nothing was frozen, says nothing about containers that are gone', () => {
  expect(sourceFact('aborted', ['gone'], false, yes)).toBe('replaced');
  expect(sourceFact('aborted', ['gone'], false, no)).toBe('gone');
});
