import { writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join as inFolder } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectionFromKubeconfig, openConnection, type KubeConnection } from '../../src/kube/connection.ts';
import type { ConnectionFlags } from '../../src/kube/kubeconfig.ts';
import type { Pipeline, PipelinedRequest } from '../../src/kube/pipeline.ts';
import { json, refuse, startApiServer, type ApiServer } from './api-server.ts';

let api: ApiServer;
const opened: { close: () => unknown }[] = [];

beforeEach(async () => {
  api = await startApiServer();
});

afterEach(async () => {
  for (const one of opened.splice(0)) one.close();
  await api.close();
});

const path = '/api/v1/namespaces/demo/pods';
const remove: PipelinedRequest = {
  method: 'DELETE',
  path: `${path}/web-0`,
  body: { gracePeriodSeconds: 0, preconditions: { uid: 'old' } },
};
const create: PipelinedRequest = { method: 'POST', path: `${path}?fieldManager=x`, body: { metadata: { name: 'web-0' } } };

async function pipeline(user?: Record<string, unknown>, cluster?: Record<string, unknown>): Promise<Pipeline> {
  const kube = await connectionFromKubeconfig(api.kubeconfig(user, cluster), 'test');
  opened.push(kube);
  return await pipelineOf(kube);
}

async function pipelineOf(kube: KubeConnection): Promise<Pipeline> {
  const made = await kube.pipeline(`${path}/web-0`);
  opened.push(made);
  return made;
}

async function byFlags(flags: ConnectionFlags, user?: Record<string, unknown>): Promise<Pipeline> {
  const file = inFolder(api.certificates.folder, 'config');
  writeFileSync(file, api.kubeconfig(user));
  const kube = await openConnection({ kubeconfig: file, ...flags });
  opened.push(kube);
  return await pipelineOf(kube);
}

/** Long enough to be none. */
const never = 60_000;
const isChange = ({ method }: { method: string }): boolean => method !== 'GET';

describe('both requests', () => {
  test('are answered in their order, as the same user', async () => {
    api.answer((request, response) => json(response, { was: request.method }, request.method === 'POST' ? 201 : 200));
    const answers = await (await pipeline()).send([remove, create], never);
    expect(answers).toEqual([
      { code: 200, body: { was: 'DELETE' } },
      { code: 201, body: { was: 'POST' } },
    ]);
    expect(api.seen.filter(isChange)).toMatchObject([
      { method: 'DELETE', path: `${path}/web-0`, client: 'tester', body: JSON.stringify(remove.body) },
      { method: 'POST', path, client: 'tester', headers: { 'content-type': 'application/json' }, body: JSON.stringify(create.body) },
    ]);
    expect(api.seen[2]?.query.get('fieldManager')).toBe('x');
    expect(api.connections()).toBe(1);
  });

  test('are on their way before the first one is answered', async () => {
    let first: ServerResponse | undefined;
    api.answer((request, response) => {
      if (request.method === 'DELETE') first = response;
      else json(response, {});
      if (request.method === 'POST' && first) json(first, {});
    });
    const answers = await (await pipeline()).send([remove, create], never);
    expect(answers.map((one) => 'code' in one && one.code)).toEqual([200, 200]);
  });

  test.each([
    ['the first time', 1],
    ['each time', 3],
  ])('leave in one TLS record, %s', async (_when, times) => {
    const wire = await recordingWay(api.port);
    const { host } = new URL(api.url);
    const one = await pipeline(undefined, { server: api.url.replace(host, `127.0.0.1:${wire.port}`) });
    for (let time = 0; time < times; time++) {
      wire.sent.length = 0;
      await one.send([remove, create], never);
      expect(recordsIn(Buffer.concat(wire.sent))).toBe(1);
    }
    expect(api.seen.filter(isChange)).toHaveLength(2 * times);
    expect(api.connections()).toBe(1);
  });

  test('and a third one too, each with its own content type', async () => {
    const patch: PipelinedRequest = { method: 'PATCH', path: `${path}/web-0`, body: [], contentType: 'application/json-patch+json' };
    expect(await (await pipeline()).send([patch, remove, create], never)).toHaveLength(3);
    expect(api.seen.filter(isChange).map(({ method, headers }) => [method, headers['content-type']])).toEqual([
      ['PATCH', 'application/json-patch+json'],
      ['DELETE', 'application/json'],
      ['POST', 'application/json'],
    ]);
  });

  test('can be refused, one or both', async () => {
    api.answer((request, response) => {
      if (request.method === 'POST') refuse(response, 409, 'AlreadyExists', 'pods "web-0" already exists');
      else if (request.method === 'DELETE') void response.writeHead(502).end('<html>');
      else json(response, {});
    });
    expect(await (await pipeline()).send([remove, create], never)).toMatchObject([
      { code: 502, body: '<html>' },
      { code: 409, body: { kind: 'Status', reason: 'AlreadyExists' } },
    ]);
  });

  test('get their answers whatever these come in: pieces, chunks, and words before them', async () => {
    api.answer(async (request, response) => {
      if (request.method === 'DELETE') response.writeProcessing();
      response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
      for (const letter of JSON.stringify({ kind: 'Pod', of: request.method })) {
        response.write(letter);
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    });
    expect(await (await pipeline()).send([remove, create], never)).toEqual([
      { code: 200, body: { kind: 'Pod', of: 'DELETE' } },
      { code: 201, body: { kind: 'Pod', of: 'POST' } },
    ]);
  });
});

describe('a connection that is lost', () => {
  test('after the first answer leaves the second request unanswered', async () => {
    api.answer((request, response) => {
      if (request.method === 'DELETE') response.setHeader('connection', 'close');
      if (request.method !== 'POST') json(response, {});
    });
    const one = await pipeline();
    expect(await one.send([remove, create], never)).toMatchObject([{ code: 200 }, { lost: { reason: 'Unreachable' } }]);
    expect(one.isOpen).toBe(false);
  });

  test('after the first answer, without a word, leaves the second request unanswered', async () => {
    api.answer((request, response) => {
      const { socket } = response;
      if (request.method === 'DELETE') response.once('finish', () => socket?.end());
      if (request.method !== 'POST') json(response, {});
    });
    expect(await (await pipeline()).send([remove, create], never)).toMatchObject([{ code: 200 }, { lost: { reason: 'Unreachable' } }]);
  });

  test('before any answer leaves both unanswered', async () => {
    const one = await pipeline();
    api.answer((request) => {
      if (request.method === 'POST') api.cut();
    });
    expect(await one.send([remove, create], never)).toMatchObject([{ lost: expect.any(Error) }, { lost: expect.any(Error) }]);
  });

  test('in the middle of an answer leaves that one unanswered', async () => {
    const one = await pipeline();
    api.answer((request, response) => {
      if (request.method === 'DELETE') json(response, {});
      else response.writeHead(201, { 'content-length': '100' }).write('{', () => api.cut());
    });
    expect(await one.send([remove, create], never)).toMatchObject([{ code: 200 }, { lost: expect.any(Error) }]);
  });

  test('is not made again: nothing goes out twice, or later', async () => {
    const one = await pipeline();
    api.answer((request) => {
      if (request.method === 'POST') api.cut();
    });
    await one.send([remove, create], never);
    expect(await one.send([remove, create], never)).toMatchObject([{ lost: expect.any(Error) }, { lost: expect.any(Error) }]);
    expect(api.connections()).toBe(1);
    expect(api.seen.filter(isChange).map(({ method }) => method)).toEqual(['DELETE', 'POST']);
  });

  test('while nothing was asked is noticed', async () => {
    const one = await pipeline();
    api.cut();
    await vi.waitUntil(() => !one.isOpen);
    expect(await one.send([remove, create], never)).toMatchObject([{ lost: expect.any(Error) }, { lost: expect.any(Error) }]);
    expect(api.seen.filter(isChange)).toEqual([]);
  });
});

describe('a server', () => {
  test('that does not answer in time is not waited for, and what it did answer counts', async () => {
    api.answer((request, response) => {
      if (request.method !== 'POST') json(response, { said: true });
    });
    expect(await (await pipeline()).send([remove, create], 300)).toMatchObject([
      { code: 200, body: { said: true } },
      { lost: { message: `Unable to connect to the server 127.0.0.1:${api.port}: no answer within 0.3 s` } },
    ]);
  });

  test('that answers without end is not listened to for ever', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    api.answer((request, response) => {
      if (request.method === 'GET') return json(response, {});
      const more = (): void => void (response.write(megabyte) ? setImmediate(more) : response.once('drain', more));
      more();
    });
    expect(await (await pipeline()).send([remove, create], never)).toMatchObject([
      { lost: expect.any(Error) },
      { lost: expect.any(Error) },
    ]);
  });

  test('that keeps no connection is told of before anything goes out', async () => {
    api.answer((_request, response) => json(response.setHeader('connection', 'close'), {}));
    await expect(pipeline()).rejects.toMatchObject({ code: 0, message: `127.0.0.1:${api.port} keeps no connection open` });
  });

  test('that does not have the object yet, or forbids to look, can be asked all the same', async () => {
    api.answer((request, response) => (request.method === 'GET' ? refuse(response, 404, 'NotFound', 'no') : json(response, {})));
    expect(await (await pipeline()).send([create], never)).toEqual([{ code: 200, body: {} }]);
  });

  test('that is below a path is asked there', async () => {
    await (await pipeline(undefined, { server: `${api.url}/clusters/one/` })).send([remove], never);
    expect(api.seen.map((one) => one.path)).toEqual(Array(2).fill(`/clusters/one${path}/web-0`));
  });

  test('that refuses the user is not asked again and again', async () => {
    api.answer((_request, response) => refuse(response, 401, 'Unauthorized', 'no'));
    await expect(pipeline({ token: 'bad' })).rejects.toMatchObject({ code: 401 });
    expect(api.seen).toHaveLength(2);
  });

  test('is given up when the user wants it', async () => {
    const stop = new AbortController();
    const one = await pipeline();
    api.answer(() => stop.abort(new Error('stopped by the user')));
    const answers = await one.send([remove, create], never, stop.signal);
    expect(answers).toMatchObject([{ lost: expect.any(Error) }, { lost: expect.any(Error) }]);
  });
});

describe('the user', () => {
  test('is the same as for all other requests', async () => {
    const one = await byFlags({ as: 'her', asGroup: ['one', 'two'] }, { token: 'secret' });
    await one.send([remove, create], never);
    for (const { headers } of api.seen)
      expect(headers).toMatchObject({ 'authorization': 'Bearer secret', 'impersonate-user': 'her', 'impersonate-group': 'one, two' });
    expect(api.seen).toHaveLength(3);
  });

  test('is checked for by the name that the kubeconfig gives the server', async () => {
    const authority = { 'tls-server-name': 'api.example' };
    expect(await (await pipeline(undefined, authority)).send([remove, create], never)).toMatchObject([{ code: 200 }, { code: 200 }]);
    await expect(pipeline(undefined, { 'tls-server-name': 'other.example' })).rejects.toThrow('altnames');
    await expect(pipeline(undefined, { 'certificate-authority-data': undefined })).rejects.toMatchObject({ reason: 'Unreachable' });
    expect(await (await byFlags({ insecureSkipTlsVerify: true })).send([remove, create], never)).toMatchObject([
      { code: 200 },
      { code: 200 },
    ]);
  });
});

describe('the way to the server', () => {
  test('may be plain HTTP', async () => {
    const methods: string[] = [];
    const server = createServer((request, response) => {
      methods.push(request.method ?? '');
      request.resume().on('end', () => json(response, { plain: true }));
    });
    const port = await listening(server);
    const one = await pipeline({}, { server: `http://127.0.0.1:${port}` });
    expect(await one.send([remove, create], never)).toEqual(Array(2).fill({ code: 200, body: { plain: true } }));
    expect(methods).toEqual(['GET', 'DELETE', 'POST']);
  });

  test('may lead through a proxy', async () => {
    const proxy = createServer();
    let asked = 0;
    proxy.on('connect', (_request, socket: Socket) => {
      asked++;
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      join(socket, connect(api.port, '127.0.0.1'));
    });
    const one = await pipeline(undefined, { 'proxy-url': `http://127.0.0.1:${await listening(proxy)}` });
    expect(await one.send([remove, create], never)).toMatchObject([{ code: 200 }, { code: 200 }]);
    expect(asked).toBe(1);
    expect(api.seen[2]?.client).toBe('tester');
  });

  test('may lead through a SOCKS proxy', async () => {
    const proxy = createTcpServer((socket) => {
      // RFC 1928: no authentication, then CONNECT to an IPv4 address.
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', () => {
          socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
          join(socket, connect(api.port, '127.0.0.1'));
        });
      });
    });
    const one = await pipeline(undefined, { 'proxy-url': `socks5://127.0.0.1:${await listening(proxy)}` });
    expect(await one.send([remove, create], never)).toMatchObject([{ code: 200 }, { code: 200 }]);
  });

  test('may lead through a stream of somebody else', async () => {
    const dial = async (): Promise<Duplex> => {
      const socket = connect(api.port, '127.0.0.1');
      const stream = new Duplex({
        read: () => socket.resume(),
        write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
        final: (done) => void socket.end(done),
      });
      socket.on('data', (chunk) => stream.push(chunk) || socket.pause());
      socket.on('end', () => stream.push(null));
      return stream;
    };
    const kube = await connectionFromKubeconfig(api.kubeconfig(undefined, { server: 'https://api.example:6443' }), 'peer', { dial });
    opened.push(kube);
    expect(await (await pipelineOf(kube)).send([remove, create], never)).toMatchObject([{ code: 200 }, { code: 200 }]);
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  opened.push({ close: () => [server.close(), ...[...sockets].map((socket) => socket.destroy())] });
  return (server.address() as AddressInfo).port;
}

function join(near: Socket, far: Socket): void {
  near.pipe(far).pipe(near);
  for (const one of [near, far]) one.on('error', () => undefined);
}

/** A way to a server on which all is written down that goes there. */
async function recordingWay(to: number): Promise<{ port: number; sent: Buffer[] }> {
  const sent: Buffer[] = [];
  const way = createTcpServer((near) => {
    near.on('data', (chunk: Buffer) => sent.push(chunk));
    join(near, connect(to, '127.0.0.1'));
  });
  return { port: await listening(way), sent };
}

/** How many TLS records of application data there are (RFC 8446, 5.1: type, version, length). */
function recordsIn(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) if (bytes[at] === 23) count++;
  return count;
}
