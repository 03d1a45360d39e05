import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectionFromKubeconfig, openConnection, type KubeConnection } from '../../src/kube/connection.ts';
import { logs } from '../../src/kube/logs.ts';
import { json, refuse, startApiServer, type ApiServer } from './api-server.ts';
import { base64 } from './certificates.ts';

let api: ApiServer;
const opened: KubeConnection[] = [];

beforeEach(async () => {
  api = await startApiServer();
});

afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  vi.unstubAllEnvs();
  await api.close();
});

async function connection(user?: Record<string, unknown>, cluster?: Record<string, unknown>): Promise<KubeConnection> {
  const made = await connectionFromKubeconfig(api.kubeconfig(user, cluster), 'test');
  opened.push(made);
  return made;
}

/** Opens a connection by a kubeconfig file and flags. */
async function byFlags(flags: Parameters<typeof openConnection>[0], user?: Record<string, unknown>): Promise<KubeConnection> {
  const file = join(api.certificates.folder, 'config');
  writeFileSync(file, api.kubeconfig(user));
  const made = await openConnection({ kubeconfig: file, ...flags });
  opened.push(made);
  return made;
}

describe('objects', () => {
  test('come and go with fields that nobody here knows', async () => {
    const pod = {
      kind: 'Pod',
      metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00.123456Z' },
      spec: { newField: { deep: [1, null, 2.5] } },
    };
    api.answer((request, response) => json(response, request.method === 'POST' ? JSON.parse(request.body) : pod));
    const kube = await connection();
    expect(await kube.get('/api/v1/namespaces/demo/pods/a')).toEqual(pod);
    expect(await kube.create('/api/v1/namespaces/demo/pods', pod, undefined, { dryRun: 'All' })).toEqual(pod);
    expect(api.seen[1]?.query.toString()).toBe('fieldManager=kubectl-migrate&dryRun=All');
  });

  test.each(['merge', 'strategic', 'json', 'apply'] as const)('are patched by the content type of %s', async (type) => {
    await (await connection()).patch('/api/v1/namespaces/demo/pods/a', { metadata: {} }, type);
    const types = {
      merge: 'merge-patch+json',
      strategic: 'strategic-merge-patch+json',
      json: 'json-patch+json',
      apply: 'apply-patch+yaml',
    };
    expect(api.seen[0]).toMatchObject({
      method: 'PATCH',
      body: '{"metadata":{}}',
      headers: { 'content-type': `application/${types[type]}` },
    });
  });

  test('are deleted with options', async () => {
    await (await connection()).delete('/api/v1/namespaces/demo/pods/a', { gracePeriodSeconds: 0 });
    expect(api.seen[0]).toMatchObject({ method: 'DELETE', body: '{"gracePeriodSeconds":0}' });
  });

  test('are found below the path of the server', async () => {
    await (await connection(undefined, { server: `${api.url}/clusters/one/` })).list('/api/v1/pods', undefined, { labelSelector: 'a=b,c' });
    expect(api.seen[0]).toMatchObject({ path: '/clusters/one/api/v1/pods' });
    expect(api.seen[0]?.query.get('labelSelector')).toBe('a=b,c');
  });

  test('of a container are its log', async () => {
    api.answer((_request, response) => void response.end('two\nlines\n'));
    expect(await logs(await connection(), { namespace: 'demo', pod: 'a', container: 'main' }, 50)).toBe('two\nlines\n');
    expect(api.seen[0]?.path).toBe('/api/v1/namespaces/demo/pods/a/log');
    expect(api.seen[0]?.query.toString()).toBe('container=main&tailLines=50');
  });
});

describe('the way to the server', () => {
  test('is one TLS connection for one request after the other', async () => {
    const kube = await connection();
    for (let count = 0; count < 20; count++) await kube.get('/version');
    expect(api.connections()).toBe(1);
  });

  test('is taken again when the server closed a connection that was kept', async () => {
    const kube = await connection();
    await kube.get('/version');
    api.cut();
    await kube.get('/version');
    expect(api.connections()).toBe(2);
  });

  test('is refused when another authority signed its certificate', async () => {
    const kube = await connection({}, { 'certificate-authority-data': undefined });
    await expect(kube.get('/version')).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining(`Unable to connect to the server 127.0.0.1:${api.port}: `),
    });
  });

  test('is checked by the name that --tls-server-name gives', async () => {
    await (await connection(undefined, { 'tls-server-name': 'api.example' })).get('/version');
    await expect((await connection(undefined, { 'tls-server-name': 'other.example' })).get('/version')).rejects.toThrow('altnames');
  });

  test('is not checked when the user says so', async () => {
    await (await byFlags({ insecureSkipTlsVerify: true })).get('/version');
    expect(api.seen).toHaveLength(1);
  });

  test('may lead through a stream of somebody else, with TLS from end to end', async () => {
    const dialled: string[] = [];
    const wire: Buffer[] = [];
    const dial = async (host: string, port: number): Promise<Duplex> => {
      dialled.push(`${host}:${port}`);
      const socket = connect(api.port, '127.0.0.1');
      // Anything but a socket, such as the two directions of an exec session.
      const stream = new Duplex({
        read: () => socket.resume(),
        write: (chunk: Buffer, _encoding, done) => {
          wire.push(chunk);
          socket.write(chunk, done);
        },
        final: (done) => void socket.end(done),
      });
      socket.on('data', (chunk) => stream.push(chunk) || socket.pause());
      socket.on('end', () => stream.push(null));
      return stream;
    };
    const kube = await connectionFromKubeconfig(api.kubeconfig(undefined, { server: 'https://api.example:6443' }), 'peer', { dial });
    opened.push(kube);
    await kube.get('/secret-path');
    await kube.get('/secret-path');
    expect(dialled).toEqual(['api.example:6443']);
    expect(api.seen[1]).toMatchObject({ path: '/secret-path', client: 'tester' });
    expect(Buffer.concat(wire).includes('secret-path')).toBe(false);
  });

  test('that fails beneath is told', async () => {
    const kube = await connectionFromKubeconfig(api.kubeconfig(), 'peer', { dial: async () => Promise.reject(new Error('no helper')) });
    await expect(kube.get('/version')).rejects.toThrow(`Unable to connect to the server 127.0.0.1:${api.port}: no helper`);
  });

  test('may be plain HTTP, as with kubectl proxy', async () => {
    const server = createServer((_request, response) => json(response, { plain: true }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const kube = await connection({}, { server: address });
    expect(await kube.get('/version')).toEqual({ plain: true });
    const bare = await byFlags({ server: address.replace('http://', ''), context: '', cluster: '' });
    expect(await bare.get('/version')).toEqual({ plain: true });
    server.closeAllConnections();
    server.close();
  });

  test('leads through the proxy that the kubeconfig names', async () => {
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request: { url?: string }, socket: Socket) => {
      asked.push(request.url ?? '');
      const through = connect(api.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(through).pipe(socket);
      });
      for (const one of [socket, through]) one.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const kube = await connection(undefined, { 'proxy-url': `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
    await kube.get('/version');
    expect(asked).toEqual([`127.0.0.1:${api.port}`]);
    expect(api.seen[0]?.client).toBe('tester');
    proxy.closeAllConnections();
    proxy.close();
  });
});

describe('the user', () => {
  test('has a client certificate', async () => {
    await (await connection()).get('/version');
    expect(api.seen[0]?.client).toBe('tester');
  });

  test('has data before files, and flags before both', async () => {
    const { client, folder } = api.certificates;
    const data = { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) };
    await (await byFlags({}, { ...data, 'client-certificate': '/nowhere', 'client-key': '/nowhere' })).get('/version');
    const files = { clientCertificate: join(folder, 'client.crt'), clientKey: join(folder, 'client.key') };
    await (await byFlags(files, { 'client-certificate-data': 'bad', 'client-key-data': 'bad' })).get('/version');
    expect(api.seen.map((one) => one.client)).toEqual(['tester', 'tester']);
  });

  test.each([
    ['a token', { token: 'secret' }, 'Bearer secret'],
    ['a name and a password', { username: 'me', password: 'pass' }, `Basic ${base64('me:pass')}`],
  ])('has %s', async (_what, user, header) => {
    await (await byFlags({}, user)).get('/version');
    expect(api.seen[0]?.headers.authorization).toBe(header);
  });

  test('has a token in a file, which is read again', async () => {
    const tokenFile = join(api.certificates.folder, 'token');
    writeFileSync(tokenFile, 'first\n');
    const kube = await byFlags({}, { tokenFile });
    await kube.get('/version');
    writeFileSync(tokenFile, 'second\n');
    await kube.get('/version');
    expect(api.seen.map((one) => one.headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  test('acts as somebody else with groups, number and more', async () => {
    await (
      await byFlags({ as: 'her', asUid: '7', asGroup: ['one', 'two'], asUserExtra: { 'example.org/why': ['x', 'y'] } })
    ).get('/version');
    expect(api.seen[0]?.headers).toMatchObject({
      'impersonate-user': 'her',
      'impersonate-uid': '7',
      'impersonate-group': 'one, two',
      'impersonate-extra-example.org%2fwhy': 'x, y',
    });
  });

  test('asks a plugin, once, and once more when the server does not like its answer', async () => {
    const { folder } = api.certificates;
    const count = join(folder, 'count');
    const plugin = join(folder, 'plugin');
    const credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}';
    writeFileSync(
      plugin,
      `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" > "${folder}/info"\necho x >> "${count}"\nprintf '${credential}' $(wc -l < "${count}")\n`,
    );
    chmodSync(plugin, 0o755);
    api.answer((request, response) =>
      request.headers.authorization === 'Bearer t1' && request.path === '/late'
        ? refuse(response, 401, 'Unauthorized', 'no')
        : json(response, {}),
    );
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, provideClusterInfo: true, interactiveMode: 'Never' };
    const kube = await byFlags({}, { exec });
    await Promise.all([kube.get('/version'), kube.get('/version')]);
    await kube.get('/late');
    expect(api.seen.map((one) => one.headers.authorization)).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1', 'Bearer t2']);
    const info = JSON.parse(readFileSync(join(folder, 'info'), 'utf8')) as unknown;
    expect(info).toMatchObject({
      apiVersion: exec.apiVersion,
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: api.url } },
    });
  });

  test('is told when the server does not know them', async () => {
    api.answer((_request, response) => refuse(response, 401, 'Unauthorized', 'Unauthorized'));
    await expect((await connection({ token: 'bad' })).get('/version')).rejects.toMatchObject({
      code: 401,
      message: expect.stringContaining('You must be logged in to the server'),
    });
    expect(api.seen).toHaveLength(2);
  });

  test('is told what to install when a plugin is missing', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin', installHint: 'Get it from example.org.' };
    await expect((await byFlags({}, { exec })).get('/version')).rejects.toThrow(
      'getting credentials: exec: executable no-such-plugin not found\n\nGet it from example.org.',
    );
  });

  test('is told what a plugin said', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/sh', args: ['-c', 'echo expired >&2; exit 1'] };
    await expect((await byFlags({}, { exec })).get('/version')).rejects.toThrow('getting credentials: exec: expired');
  });
});

describe('errors', () => {
  test.each([
    [404, 'NotFound', 'pods "x" not found', 'Error from server (NotFound): pods "x" not found'],
    [403, 'Forbidden', 'pods is forbidden', 'Error from server (Forbidden): pods is forbidden'],
    [409, 'AlreadyExists', 'pods "x" already exists', 'Error from server (AlreadyExists): pods "x" already exists'],
    [422, 'Invalid', 'Pod "x" is invalid: spec: Required value', 'The Pod "x" is invalid: spec: Required value'],
    [500, '', 'boom', 'Error from server: boom'],
  ])('%s %s is worded as kubectl words it', async (code, reason, text, message) => {
    api.answer((_request, response) => refuse(response, code, reason, text));
    await expect((await connection()).get('/x')).rejects.toMatchObject({ name: 'KubeError', code, reason, message });
  });

  test('an answer that is no Status is shown as it is', async () => {
    api.answer((_request, response) => void response.writeHead(502).end('<html>bad gateway</html>\n'));
    await expect((await connection()).get('/x')).rejects.toMatchObject({
      code: 502,
      message: `127.0.0.1:${api.port} answered HTTP 502: <html>bad gateway</html>`,
    });
  });

  test('an answer that is no JSON is told', async () => {
    api.answer((_request, response) => void response.end('<html>'));
    await expect((await connection()).get('/x')).rejects.toThrow('answered something that is no JSON: <html>');
  });

  test('a server that is not there is named', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const kube = await connection(undefined, { server: `https://127.0.0.1:${port}` });
    await expect(kube.get('/x')).rejects.toMatchObject({
      code: 0,
      reason: 'Unreachable',
      message: `The connection to the server 127.0.0.1:${port} was refused: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  test.each(['the answer', 'the rest of the answer'])('a deadline ends the wait for %s', async (what) => {
    api.answer((_request, response) => {
      if (what !== 'the answer') response.write('{');
    });
    const kube = await byFlags({ requestTimeoutMs: 50 });
    await expect(kube.get('/x')).rejects.toThrow(`Unable to connect to the server 127.0.0.1:${api.port}: no answer within 0.05 s`);
  });

  test.each(['before', 'while'])('a signal that fires %s ends a request with its own reason', async (when) => {
    const controller = new AbortController();
    const reason = new Error('stopped by the user');
    api.answer(() => controller.abort(reason));
    if (when === 'before') controller.abort(reason);
    await expect((await connection()).get('/x', controller.signal)).rejects.toBe(reason);
  });

  test('a server that is too busy is asked again when it says', async () => {
    let asked = 0;
    api.answer((_request, response) =>
      asked++ < 2 ? void response.writeHead(429, { 'retry-after': '0' }).end() : json(response, { asked }),
    );
    expect(await (await connection()).create('/x', {})).toEqual({ asked: 3 });
  });

  test('a server that is too busy for good is not asked for ever', async () => {
    api.answer((_request, response) => void response.writeHead(503, { 'retry-after': '0' }).end('too busy'));
    await expect((await connection()).get('/x')).rejects.toThrow('answered HTTP 503: too busy');
    expect(api.seen).toHaveLength(11);
  });

  test('a deadline also counts while a server wants to be left alone', async () => {
    api.answer((_request, response) => void response.writeHead(429, { 'retry-after': '3600' }).end());
    await expect((await byFlags({ requestTimeoutMs: 50 })).get('/x')).rejects.toThrow('no answer within 0.05 s');
  });

  test('a change is not sent twice when its connection breaks', async () => {
    const kube = await connection();
    await kube.get('/version');
    api.answer(() => api.cut());
    await expect(kube.create('/x', {})).rejects.toMatchObject({ reason: 'Unreachable' });
    expect(api.seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });
});

describe('without a kubeconfig', () => {
  test('it is told how to name one', async () => {
    vi.stubEnv('KUBECONFIG', '/nowhere/config');
    vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
    await expect(openConnection({})).rejects.toMatchObject({ kind: 'usage', message: 'error: no kubeconfig names a server' });
    expect(existsSync('/nowhere/config')).toBe(false);
  });
});
