import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contextOfText, resolveContext, type ConnectionFlags, type ResolvedContext } from '../../src/kube/kubeconfig.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

interface Parts {
  readonly name?: string;
  readonly server?: string;
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown> | null;
  readonly namespace?: string;
  readonly isCurrent?: boolean;
}

/** Writes a kubeconfig in which context, cluster and user have one name. @returns its path */
function write(
  file: string,
  { name = 'a', server = `https://${name}`, cluster = {}, user = {}, namespace, isCurrent = true }: Parts = {},
): string {
  const path = join(folder, file);
  const context = { cluster: name, user: name, ...(namespace ? { namespace } : {}) };
  const content = {
    ...(isCurrent ? { 'current-context': name } : {}),
    contexts: [{ name, context }],
    clusters: [{ name, cluster: { server, ...cluster } }],
    users: [{ name, user }],
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function resolved(flags: ConnectionFlags, ...files: string[]): ResolvedContext {
  const context = resolveContext(flags, { KUBECONFIG: files.join(delimiter), HOME: folder });
  if (!context) throw new Error('no context');
  return context;
}

describe('a list of files', () => {
  test('skips files that are missing or empty', () => {
    writeFileSync(join(folder, 'empty'), '');
    writeFileSync(join(folder, 'comment'), '# nothing here\n');
    expect(resolved({}, join(folder, 'missing'), join(folder, 'empty'), join(folder, 'comment'), write('a')).name).toBe('a');
  });

  test('takes the first of two things with one name', () => {
    expect(resolved({}, write('one', { server: 'https://first' }), write('two', { server: 'https://second' })).cluster['server']).toBe(
      'https://first',
    );
  });

  test('takes the first current context that is set', () => {
    const files = [write('one', { name: 'x', isCurrent: false }), write('two', { name: 'y' }), write('three', { name: 'z' })];
    expect(resolved({}, ...files).name).toBe('y');
  });

  test('joins a context of one file with the cluster of another', () => {
    const first = join(folder, 'first');
    writeFileSync(
      first,
      JSON.stringify({ 'contexts': [{ name: 'mixed', context: { cluster: 'a', user: 'a' } }], 'current-context': 'mixed' }),
    );
    expect(resolved({}, first, write('a'))).toMatchObject({ name: 'mixed', cluster: { server: 'https://a' } });
  });

  test('is the file in the home folder when nothing else is told', () => {
    mkdirSync(join(folder, '.kube'));
    write('.kube/config', { name: 'at-home' });
    expect(resolveContext({}, { HOME: folder })?.name).toBe('at-home');
  });

  test('gives way to --kubeconfig, which must exist', () => {
    expect(resolved({ kubeconfig: write('b', { name: 'b' }) }, write('a')).name).toBe('b');
    expect(() => resolved({ kubeconfig: '/nowhere/config' }, write('a'))).toThrow('stat /nowhere/config: no such file or directory');
  });

  test('has no context when no file names a server', () => {
    expect(resolveContext({}, { KUBECONFIG: join(folder, 'missing') })).toBeUndefined();
  });
});

describe('paths', () => {
  test('count from the file that holds them', () => {
    const user = { 'client-certificate': 'me.crt', 'client-key': '/keys/me.key', 'tokenFile': '../token', 'exec': { command: './plugin' } };
    mkdirSync(join(folder, 'sub'));
    const context = resolved({}, write('sub/a', { cluster: { 'certificate-authority': 'ca.crt' }, user }));
    expect(context.cluster['certificate-authority']).toBe(join(folder, 'sub/ca.crt'));
    expect(context.user).toEqual({
      'client-certificate': join(folder, 'sub/me.crt'),
      'client-key': '/keys/me.key',
      'tokenFile': join(folder, 'token'),
      'exec': { command: join(folder, 'sub/plugin') },
    });
  });

  test('leave a command without a slash to PATH', () => {
    expect(resolved({}, write('a', { user: { exec: { command: 'plugin' } } })).user).toEqual({ exec: { command: 'plugin' } });
  });
});

describe('flags win over files', () => {
  test.each<[string, ConnectionFlags, Parts, object]>([
    ['namespace', { namespace: 'flag' }, { namespace: 'file' }, { namespace: 'flag' }],
    ['namespace of the context', {}, { namespace: 'file' }, { namespace: 'file' }],
    ['no namespace', {}, {}, { namespace: 'default' }],
    [
      'server',
      { server: 'https://other' },
      { cluster: { 'tls-server-name': 'a' } },
      { cluster: { 'server': 'https://other', 'tls-server-name': undefined } },
    ],
    [
      'authority',
      { certificateAuthority: '/ca' },
      { cluster: { 'certificate-authority-data': 'eA==' } },
      { cluster: { 'certificate-authority': '/ca', 'certificate-authority-data': undefined } },
    ],
    [
      'no check of the server',
      { insecureSkipTlsVerify: true },
      { cluster: { 'certificate-authority-data': 'eA==' } },
      { cluster: { 'insecure-skip-tls-verify': true, 'certificate-authority-data': undefined } },
    ],
    [
      'token',
      { token: 't' },
      { user: { tokenFile: '/f', exec: { command: 'x' } } },
      { user: { token: 't', tokenFile: undefined, exec: undefined } },
    ],
    [
      'certificate',
      { clientCertificate: '/c', clientKey: '/k' },
      { user: { 'client-certificate-data': 'eA==', 'client-key-data': 'eA==' } },
      { user: { 'client-certificate': '/c', 'client-key': '/k', 'client-certificate-data': undefined, 'client-key-data': undefined } },
    ],
    [
      'impersonation',
      { as: 'her', asGroup: ['g'] },
      { user: { 'as': 'him', 'as-groups': ['h'] } },
      { user: { 'as': 'her', 'as-groups': ['g'] } },
    ],
  ])('%s', (_what, flags, parts, expected) => {
    const { namespace, cluster, user } = resolved(flags, write('a', parts));
    const found = { namespace, cluster, user } as Record<string, unknown>;
    for (const [part, value] of Object.entries(expected)) {
      if (typeof value === 'string') expect(found[part]).toBe(value);
      else expect(found[part]).toMatchObject(value as object);
    }
  });

  test('context, cluster and user may each come from elsewhere', () => {
    const files = [write('one', { name: 'a' }), write('two', { name: 'b', user: { token: 'of b' } }), write('three', { name: 'c' })];
    expect(resolved({ context: 'c', cluster: 'a', user: 'b' }, ...files)).toMatchObject({
      name: 'c',
      cluster: { server: 'https://a' },
      user: { token: 'of b' },
    });
  });

  test('a server needs no file', () => {
    expect(resolveContext({ server: 'https://only' }, { KUBECONFIG: join(folder, 'missing') })).toMatchObject({
      name: 'https://only',
      namespace: 'default',
    });
  });
});

describe('what makes no sense is told', () => {
  test.each<[ConnectionFlags, string]>([
    [{ context: 'nope' }, 'context "nope" does not exist'],
    [{ cluster: 'nope' }, 'cluster "nope" does not exist'],
    [{ user: 'nope' }, 'user "nope" does not exist'],
  ])('%o', (flags, message) => {
    expect(() => resolved(flags, write('a'))).toThrow(
      expect.objectContaining({ kind: 'usage', message: `error: ${message}`, hint: 'there are: a' }),
    );
  });

  test.each([['[1, 2]'], ['just words'], ['clusters: {a: b}'], ['a: [']])('a file with %j is no kubeconfig', (text) => {
    const file = join(folder, 'bad');
    writeFileSync(file, text);
    expect(() => resolved({}, file)).toThrow(`error loading config file "${file}"`);
  });
});

describe('the text of a kubeconfig', () => {
  test('is read at its current context', () => {
    const text = `
current-context: second
contexts:
  - {name: first, context: {cluster: one, user: one}}
  - {name: second, context: {cluster: two, user: two, namespace: twin}}
clusters:
  - {name: one, cluster: {server: "https://one"}}
  - {name: two, cluster: {server: "https://two"}}
users:
  - {name: two, user: {token: t}}
`;
    expect(contextOfText(text, 'the peer')).toEqual({
      name: 'the peer',
      namespace: 'twin',
      cluster: { server: 'https://two' },
      user: { token: 't' },
    });
  });

  test('must name a server', () => {
    expect(() => contextOfText('{}', 'the peer')).toThrow('the kubeconfig of the peer names no server');
  });
});
