import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askedBy } from '../../../src/cli/completion/request.ts';
import { commands, flagsOf } from '../../../src/cli/commands.ts';
import { valueOfNone } from '../../../src/cli/flags.ts';

function ask(...words: string[]): { known: string[]; source?: string; fromShell?: string; typed: string; before: string } {
  const { known, source, fromShell, typed, before } = askedBy(words);
  return { known: known.map(({ value }) => value), ...(source && { source }), ...(fromShell && { fromShell }), typed, before };
}

const names = commands.filter(({ name, isHidden }) => name !== '' && !isHidden).map(({ name }) => name);

/** Words that only begin an answer: what pods can be asked for by. */
const kindWords = ['deployment/', 'statefulset/', 'replicaset/', 'replicationcontroller/', 'job/', 'ksvc/'];

describe('a pod', () => {
  test.each([
    ['the first word, beside commands', [''], { known: [...names, ...kindWords], typed: '', before: '' }],
    ['no word at all', [], { known: [...names, ...kindWords], typed: '', before: '' }],
    ['the beginning of a name', ['we'], { known: [...names, ...kindWords], typed: 'we', before: '' }],
    ['a name with its kind', ['pod/we'], { known: [], typed: 'we', before: 'pod/' }],
    ['a name with another word for its kind', ['po/'], { known: [], typed: '', before: 'po/' }],
    ['the word after the kind', ['pod', 'we'], { known: ['--to'], typed: 'we', before: '' }],
    [
      'a word behind flags with values',
      ['--to', 'milan', '-n', 'shop', 'we'],
      { known: [...names, ...kindWords], typed: 'we', before: '' },
    ],
    ['a word behind a flag that needs none', ['--dry-run', 'we'], { known: [...names, ...kindWords], typed: 'we', before: '' }],
    ['a word behind --', ['--to', 'milan', '--', 'we'], { known: kindWords, typed: 'we', before: '' }],
    ['one of several, when only the peer is missing', ['web-0', ''], { known: ['--to', ...kindWords], typed: '', before: '' }],
    ['one of several', ['web-0', '--to', 'milan', 'we'], { known: kindWords, typed: 'we', before: '' }],
  ])('can be %s', (_what, words, expected) => {
    expect(ask(...words)).toEqual({ ...expected, source: 'Pod' });
  });

  test('is not named beside a selector', () => {
    expect(ask('-l', 'app=web', '')).toEqual({ known: ['--to'], typed: '', before: '' });
    expect(ask('-lapp=web', '--to', 'milan', 'we')).toEqual({ known: [], typed: 'we', before: '' });
  });
});

describe('what keeps pods', () => {
  test.each([
    [['deploy/we'], { source: 'Deployment', known: [], typed: 'we', before: 'deploy/' }],
    [['web-0', 'deployment/we'], { source: 'Deployment', known: [], typed: 'we', before: 'deployment/' }],
    [['deploy', 'we'], { source: 'Deployment', known: ['--to'], typed: 'we', before: '' }],
    [['sts', 'db', ''], { source: 'StatefulSet', known: ['--to'], typed: '', before: '' }],
    [['rs/'], { source: 'ReplicaSet', known: [], typed: '', before: 'rs/' }],
    [['rc/'], { source: 'ReplicationController', known: [], typed: '', before: 'rc/' }],
    [['job/'], { source: 'Job', known: [], typed: '', before: 'job/' }],
    [['ksvc/f'], { source: 'KnativeService', known: [], typed: 'f', before: 'ksvc/' }],
  ])('%j', (words, expected) => {
    expect(ask(...words)).toEqual(expected);
  });

  test('is none of those that keep no pods, or whose pods cannot be moved', () => {
    expect(ask('daemonset/lo')).toEqual({ known: [], typed: 'daemonset/lo', before: '' });
    expect(ask('pod', 'deploy/we')).toEqual({ known: ['--to'], typed: 'deploy/we', before: '' });
  });
});

describe("a flag's value", () => {
  test.each([
    [['--to', 'mi'], { source: 'peers', typed: 'mi', before: '' }],
    [['web-0', '--to=mi'], { source: 'peers', typed: 'mi', before: '' }],
    [['--to', '--mi'], { source: 'peers', typed: '--mi', before: '' }],
    [['-n', ''], { source: 'namespaces', typed: '', before: '' }],
    [['-n=sh'], { source: 'namespaces', typed: 'sh', before: '' }],
    [['-nsh'], { source: 'namespaces', typed: 'sh', before: '-n' }],
    [['--context', ''], { source: 'contexts', typed: '', before: '' }],
    [['--cluster='], { source: 'clusters', typed: '', before: '' }],
    [['--user', 'a'], { source: 'users', typed: 'a', before: '' }],
    [['--kubeconfig', './c'], { fromShell: 'files', typed: './c', before: '' }],
    [['--client-key='], { fromShell: 'files', typed: '', before: '' }],
    [['--cache-dir', ''], { fromShell: 'folders', typed: '', before: '' }],
    [['--token', 'x'], { typed: 'x', before: '' }],
    [['--no-such-flag='], { typed: '', before: '' }],
  ])('%j', (words, expected) => {
    expect(ask(...words)).toEqual({ known: [], ...expected });
  });

  test('is one of those that the table of commands names', () => {
    expect(ask('--dry-run=')).toMatchObject({ known: expect.arrayContaining(['none', 'client']), typed: '' });
    expect(ask('-o', 'j')).toMatchObject({ known: expect.arrayContaining(['json']), typed: 'j' });
    expect(ask('-oj')).toMatchObject({ known: expect.arrayContaining(['json']), typed: 'j', before: '-o' });
    expect(ask('--insecure-skip-tls-verify=')).toMatchObject({ known: ['true', 'false'] });
  });

  test('is suggested for every flag, but for those whose values nobody can know', () => {
    const free = [
      'agent-image',
      'as',
      'as-group',
      'as-uid',
      'as-user-extra',
      'max-freeze',
      'password',
      'request-timeout',
      'selector',
      'server',
      'tls-server-name',
      'token',
      'username',
    ];
    const valued = commands
      .flatMap((command) => flagsOf(command).map((flag) => ({ command, flag })))
      .filter(({ flag }) => valueOfNone(flag) === undefined && flag.kind !== 'number');
    const silent = valued.filter(({ command, flag }) => {
      const { known, source, fromShell } = ask(...[command.name].filter(Boolean), `--${flag.name}`, '');
      return known.length === 0 && !source && !fromShell;
    });
    expect([...new Set(silent.map(({ flag }) => flag.name))].toSorted()).toEqual(free);
  });
});

describe("a flag's name", () => {
  test('is one that the command has, long or short', () => {
    expect(ask('web-0', '-').known).toEqual(
      expect.arrayContaining(['--to', '--namespace', '-n', '--output', '-o', '--context', '--server', '-s', '--help', '-h']),
    );
    expect(ask('help', '--').known).not.toContain('--to');
    expect(ask('help', '--').known).toContain('--context');
  });

  test('is not offered again, unless it may be repeated', () => {
    const { known } = ask('web-0', '-nshop', '--to=milan', '--as-group', 'one', '--dry-run', '-');
    for (const name of ['--namespace', '-n', '--to', '--dry-run']) expect(known).not.toContain(name);
    expect(known).toContain('--as-group');
  });

  test('is none behind --', () => {
    expect(ask('--', '-')).toEqual({ known: kindWords, source: 'Pod', typed: '-', before: '' });
  });
});

test('help completes the names of commands', () => {
  expect(ask('help', '')).toEqual({ known: names, typed: '', before: '' });
  expect(ask('help', 'x', '')).toEqual({ known: [], typed: '', before: '' });
});

test('the flags before the word tell which cluster is to be asked', () => {
  const { given } = askedBy(['--context', 'milan', '-nshop', '--as-group=a', '--as-group', 'b', '--no-such', 'we']);
  expect([given('context'), given('namespace'), given('as-group'), given('to')]).toEqual([['milan'], ['shop'], ['a', 'b'], []]);
});

test('no words are too odd to be asked about', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--', '-', '--to', '--to=', '-n', '-o=', 'pod', 'pod/', 'help', '--dry-run', '=', '--=', '-='),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(words.at(-1) ?? '').toContain(askedBy(words).typed);
    }),
  );
});
