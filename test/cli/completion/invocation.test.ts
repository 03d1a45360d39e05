import { expect, test } from 'vitest';
import { wordsToComplete } from '../../../src/cli/completion/invocation.ts';

test.each([
  [
    ['/usr/bin/node', 'kubectl_complete-migrate', 'web', ''],
    ['web', ''],
  ],
  [['/usr/bin/node', '/home/me/.krew/bin/kubectl_complete-migrate'], []],
  [['/usr/bin/node', 'kubectl_complete-migrate.exe', '--version'], ['--version']],
  [['/usr/bin/node', '/src/main.ts', '__complete', 'web'], ['web']],
  [['/usr/bin/node', 'kubectl-migrate', 'web'], undefined],
  [['/usr/bin/node', 'kubectl-migrate', 'web', '__complete'], undefined],
  [['/usr/bin/node'], undefined],
])('of %j it is to complete %j', (argv, words) => {
  expect(wordsToComplete(argv)).toEqual(words);
});
