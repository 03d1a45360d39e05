import { expect, test } from 'vitest';
import { errorText } from '../../src/cli/error-text.ts';
import { runCli } from '../../src/commands/run.ts';
import { Terminal } from './terminal.ts';

/** Command lines that make no sense, one for each way in which they can. */
const lines = [
  ['web-0'],
  ['--to', 'milan'],
  ['target'],
  ['daemonset/web', '--to', 'milan'],
  ['deploymnt/web', '--to', 'milan'],
  ['pod/a/b', '--to', 'milan'],
  ['deployment', '--to', 'milan'],
  ['pod', 'deployment/web', '--to', 'milan'],
  ['web-0', '-l', 'app=web', '--to', 'milan'],
  ['deployments', '-l', 'app=web', '--to', 'milan'],
  ['a', 'b', '--to', 'milan', '--timeline', 'x.svg'],
  ['Web_0', '--to', 'milan'],
  ['web-0', '--to'],
  ['web-0', '-n'],
  ['web-0', '--contxt', 'c', '--to', 'milan'],
  ['web-0', '--xyz'],
  ['web-0', '-x'],
  ['web-0', '--to', 'milan', '--dry-run=maybe'],
  ['web-0', '--to', 'milan', '--dry-run=sever'],
  ['web-0', '--to', 'milan', '-o', 'jsn'],
  ['web-0', '--to', 'milan', '-o', 'toml'],
  ['web-0', '--to', 'milan', '-o', 'jsonpath'],
  ['web-0', '--to', 'milan', '-o', 'jsonpath={.frozenMs'],
  ['web-0', '--to', 'milan', '-o', 'jsonpath={range .steps[*]}{.name}'],
  ['web-0', '--to', 'milan', '-v', 'high'],
  ['web-0', '--to', 'milan', '--request-timeout', '5parsecs'],
  ['web-0', '--to', 'milan', '--max-freeze', 'soon'],
  ['web-0', '--to', 'milan', '--max-freeze', '0'],
  ['web-0', '--to', 'milan', '--quiesce=500ms'],
  ['web-0', '--to', 'milan', '--quiesce=2m'],
  ['web-0', '--to', 'milan', '--insecure-skip-tls-verify=perhaps'],
  ['web-0', '--to', 'milan', '--as-user-extra', 'x'],
  ['web-0', '--to', 'milan', '--events', '-o', 'json'],
  ['web-0', '--to', 'milan', '--events', '--dry-run'],
  ['web-0', '--to', 'milan', '--timeline', 'x.svg', '--dry-run'],
  ['targets', '--to', 'milan'],
  ['targets', 'milan'],
  ['targets', '--no-header'],
  ['targets', '--no-headers=some'],
  ['help', 'target'],
  ['help', 'everything'],
];

test('all errors of usage are worded as those of kubectl', async () => {
  const stream = new Terminal(false).stream;
  const told: string[] = [];
  for (const words of lines) {
    const error = await runCli(words, { out: stream, err: stream }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ kind: 'usage' });
    told.push(`$ kubectl migrate ${words.join(' ')}\n${errorText(error, {})}`);
  }
  await expect(told.join('\n')).toMatchFileSnapshot('usage-errors.txt');
});
