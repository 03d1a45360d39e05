import { expect, test } from 'vitest';
import { answerText } from '../../../src/cli/completion/directives.ts';

test('an answer is a line for each candidate and one for the directives', () => {
  expect(answerText([{ value: 'web-0', about: 'home-1, 1/1 ready' }, { value: 'web-1' }], 4)).toBe('web-0\thome-1, 1/1 ready\nweb-1\n:4\n');
  expect(answerText([], 0)).toBe(':0\n');
});

test('a description cannot steer the terminal, nor make lines or columns of its own', () => {
  const about = 'a\tb\nevil\n:0\u001B[2Jc\u009Bd\r\u0007\u202Ee\u2028f';
  expect(answerText([{ value: 'web-0', about }], 4)).toBe('web-0\ta b evil :0 [2Jc d e f\n:4\n');
});

test('a description is short', () => {
  const [line = ''] = answerText([{ value: 'web-0', about: 'x'.repeat(10_000) }], 4).split('\n');
  expect(line).toMatch(/^web-0\tx{50,150}…$/);
});

test.each([
  'a b',
  'a\nb',
  'a\tb',
  '$(reboot)',
  '`reboot`',
  "a'b",
  'a"b',
  'a;b',
  'a|b',
  'a&b',
  'a*',
  '~',
  'a\\b',
  '!1',
  'a\u001Bb',
  '',
  '_activeHelp_ hello',
])('a name that a shell would not read as it stands is left out: %j', (value) => {
  expect(answerText([{ value }, { value: 'web-0' }], 4)).toBe('web-0\n:4\n');
});

test.each(['arn:aws:eks:eu-west-1:1234:cluster/prod', 'gke_shop_europe-west1-b_prod', 'kubernetes-admin@milan', 'küche'])(
  'names as clusters have them are kept: %s',
  (value) => {
    expect(answerText([{ value }], 4)).toBe(`${value}\n:4\n`);
  },
);
