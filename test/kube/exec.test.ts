import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { connectionFromKubeconfig, type KubeConnection } from '../../src/kube/connection.ts';
import { exec, type ExecSession } from '../../src/kube/exec.ts';
import { startApiServer, type ApiServer } from './api-server.ts';

let api: ApiServer;
let kube: KubeConnection;
const sessions: ExecSession[] = [];
const never = new AbortController().signal;
const target = { namespace: 'demo', pod: 'web-0', container: 'main', command: ['cat', '-', 'a b'] };

beforeEach(async () => {
  api = await startApiServer();
  kube = await connectionFromKubeconfig(api.kubeconfig(), 'test');
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  kube.close();
  await api.close();
});

/** A kubelet that does `work` for every exec. @param protocols what it knows, the best first */
function serve(
  work: (socket: WebSocket, request: IncomingMessage) => void,
  protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'],
  autoPong = true,
): void {
  const sockets = new WebSocketServer({
    noServer: true,
    autoPong,
    handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false,
  });
  sockets.on('connection', work);
  api.upgrade((request, socket, head) => sockets.handleUpgrade(request, socket, head, (one) => sockets.emit('connection', one, request)));
}

async function open(signal: AbortSignal = never): Promise<ExecSession> {
  const session = await exec(kube, target, signal);
  sessions.push(session);
  return session;
}

function message(channel: number, data: Buffer | string | object): Buffer {
  const body = typeof data === 'string' || Buffer.isBuffer(data) ? Buffer.from(data) : Buffer.from(JSON.stringify(data));
  return Buffer.concat([Buffer.from([channel]), body]);
}

const success = { status: 'Success' };
const exited = (code: number): object => ({
  status: 'Failure',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
});

describe('a command', () => {
  test('is asked for as kubectl asks', async () => {
    const urls: string[] = [];
    serve((socket, request) => {
      urls.push(request.url ?? '');
      socket.send(message(3, success));
      socket.close();
    });
    await (
      await open()
    ).exit;
    expect(urls).toEqual([
      '/api/v1/namespaces/demo/pods/web-0/exec?container=main&stdin=true&stdout=true&stderr=true&tty=false&command=cat&command=-&command=a+b',
    ]);
  });

  test('has both outputs and an exit code', async () => {
    serve((socket) => {
      // The server greets each channel with an empty message.
      for (const one of [message(1, ''), message(1, 'out'), message(2, 'err'), message(3, exited(3))]) socket.send(one);
      socket.close();
    });
    const { stream, stderr, exit } = await open();
    expect(await Promise.all([text(stream), text(stderr), exit])).toEqual(['out', 'err', 3]);
  });

  test('has its exit code also when a virtual kubelet hides it in an internal error', async () => {
    serve((socket) => {
      const inner = 'error executing command in container: failed to execute command: command terminated with exit code 5';
      socket.send(message(3, { status: 'Failure', reason: 'InternalError', message: `Internal error occurred: ${inner}` }));
      socket.close();
    });
    expect(await (await open()).exit).toBe(5);
  });

  test('that cannot be run is told in the words of the server', async () => {
    serve((socket) => {
      socket.send(message(3, { status: 'Failure', reason: 'InternalError', message: 'no such file' }));
      socket.close();
    });
    await expect((await open()).exit).rejects.toThrow('Error from server (InternalError): no such file');
  });

  test('sees the end of its input under v5', async () => {
    serve((socket) => {
      const input: Buffer[] = [];
      socket.on('message', (data: Buffer) => {
        if (data[0] === 0) input.push(data.subarray(1));
        if (data[0] !== 255 || data[1] !== 0) return;
        socket.send(message(1, Buffer.concat(input)));
        socket.send(message(3, success));
        socket.close();
      });
    });
    const { stream, exit } = await open();
    stream.end('all of it');
    expect(await text(stream)).toBe('all of it');
    expect(await exit).toBe(0);
  });

  test('is not confused by the end of its input under v4, which cannot tell it', async () => {
    const channels: (number | undefined)[] = [];
    serve(
      (socket) => {
        socket.on('message', (data: Buffer) => {
          channels.push(data[0]);
          socket.send(message(3, success));
          socket.close();
        });
      },
      ['v4.channel.k8s.io'],
    );
    const { stream, exit } = await open();
    stream.end('x');
    expect(await exit).toBe(0);
    expect(channels).toEqual([0]);
  });
});

describe('much data', () => {
  const data = Buffer.alloc(24 << 20, 'some pages of memory ');
  const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

  test('goes in whole, in messages that are not too long, and waits for a slow reader', async () => {
    const got: Buffer[] = [];
    let longest = 0;
    let isReading = false;
    const reader = Promise.withResolvers<void>();
    serve((socket) => {
      socket.pause();
      void reader.promise.then(() => {
        isReading = true;
        socket.resume();
      });
      socket.on('message', (piece: Buffer) => {
        longest = Math.max(longest, piece.length);
        if (piece[0] === 0) got.push(piece.subarray(1));
        if (piece[0] !== 255) return;
        socket.send(message(3, success));
        socket.close();
      });
    });
    const { stream, exit } = await open();
    const sent = pipeline(Readable.from(chunksOf(data, 1 << 20)), stream, { end: true }).catch(() => undefined);
    // What nobody reads must stop the writer long before its end: the system's own buffers hold some of it.
    let before = -1;
    while (before !== stream.writableLength || stream.writableLength === 0) {
      before = stream.writableLength;
      await delay(100);
    }
    expect(isReading).toBe(false);
    expect(stream.writableFinished).toBe(false);
    reader.resolve();
    stream.resume();
    await sent;
    expect(await exit).toBe(0);
    expect(sum(Buffer.concat(got))).toBe(sum(data));
    expect(longest).toBeLessThanOrEqual((32 << 10) + 1);
  });

  test('comes out whole, and is not taken before somebody reads', async () => {
    let unsent = (): number => 0;
    serve((socket) => {
      unsent = () => socket.bufferedAmount;
      for (const chunk of chunksOf(data, 32 << 10)) socket.send(message(1, chunk));
      socket.send(message(3, success));
      socket.close();
    });
    const { stream, exit } = await open();
    let before = -1;
    while (before !== unsent()) {
      before = unsent();
      await delay(100);
    }
    expect(unsent()).toBeGreaterThan(data.length / 4);
    expect(stream.readableLength).toBeLessThan(1 << 20);
    expect(sum(await buffer(stream))).toBe(sum(data));
    expect(await exit).toBe(0);
  });

  test('on standard error that nobody reads holds nothing up, and its beginning is kept', async () => {
    serve((socket) => {
      for (const chunk of chunksOf(data.subarray(0, 4 << 20), 32 << 10)) socket.send(message(2, chunk));
      socket.send(message(1, 'out'));
      socket.send(message(3, success));
      socket.close();
    });
    const { stream, stderr, exit } = await open();
    expect(await text(stream)).toBe('out');
    expect(await exit).toBe(0);
    expect((await buffer(stderr)).length).toBe(64 << 10);
  });
});

describe('a silent session', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  test('lives on while pings are answered', async () => {
    let server: WebSocket | undefined;
    serve((socket) => (server = socket));
    const { stream } = await open();
    stream.resume();
    for (let count = 0; count < 10; count++) {
      const pinged = new Promise((resolve) => server?.once('ping', resolve));
      vi.advanceTimersByTime(10_000);
      await pinged;
      // The answer is on its way now; a message behind it shows that it came.
      server?.send(message(1, 'x'));
      await new Promise((resolve) => stream.once('data', resolve));
    }
    expect(stream.destroyed).toBe(false);
  });

  test('is given up when they are not', async () => {
    serve(() => undefined, undefined, false);
    const { stream, exit } = await open();
    stream.resume();
    vi.advanceTimersByTime(40_000);
    await expect(exit).rejects.toMatchObject({ reason: 'Disconnected' });
  });

  test('is not given up while its own reader is slow', async () => {
    serve(
      (socket) => {
        for (let count = 0; count < 64; count++) socket.send(message(1, Buffer.alloc(32 << 10)));
        socket.send(message(3, success));
        socket.close();
      },
      undefined,
      false,
    );
    const { stream, exit } = await open();
    await new Promise((resolve) => stream.once('readable', resolve));
    while (stream.readableLength < stream.readableHighWaterMark) await delay(10);
    vi.advanceTimersByTime(100_000);
    expect((await buffer(stream)).length).toBe(2 << 20);
    expect(await exit).toBe(0);
  });
});

test('a session may lead through a stream of somebody else', async () => {
  const text = api.kubeconfig(undefined, { server: 'https://api.example:6443' });
  const peer = await connectionFromKubeconfig(text, 'peer', { dial: async () => connect(api.port, '127.0.0.1') });
  serve((socket) => {
    socket.send(message(3, exited(7)));
    socket.close();
  });
  const session = await exec(peer, target, never);
  sessions.push(session);
  expect(await session.exit).toBe(7);
  peer.close();
});

describe('a session that breaks', () => {
  test.each<[string, (socket: WebSocket) => void, string]>([
    ['without a status', (socket) => socket.close(), 'ended without a status (WebSocket code 1005)'],
    ['with a reason', (socket) => socket.close(1011, 'kubelet restarted'), 'ended without a status: kubelet restarted'],
    ['in the middle', (socket) => socket.terminate(), 'ended without a status (WebSocket code 1006)'],
    ['with a status that is none', (socket) => socket.send(message(3, 'hm')), 'ended with a status that is none: hm'],
  ])('%s has no exit code', async (_what, end, reason) => {
    serve((socket) => {
      socket.send(message(1, 'half'));
      end(socket);
    });
    const { stream, exit } = await open();
    stream.resume();
    await expect(exit).rejects.toThrow(reason);
  });

  test('does not pass half of an output for a whole one', async () => {
    serve((socket) => socket.send(message(1, 'half'), () => socket.terminate()));
    const { stream } = await open();
    await expect(text(stream)).rejects.toMatchObject({
      reason: 'Disconnected',
      message: expect.stringContaining('the exec session with pod demo/web-0'),
    });
  });

  test('fails whoever writes to it', async () => {
    serve((socket) => socket.terminate());
    const { stream, exit } = await open();
    stream.resume();
    await exit.catch(() => undefined);
    await expect(pipeline(Readable.from(['more']), stream)).rejects.toThrow();
  });

  test('harms nobody who does not look at it', async () => {
    serve((socket) => socket.terminate());
    const { stream } = await open();
    await new Promise((resolve) => stream.once('close', resolve).resume());
    expect(stream.destroyed).toBe(true);
  });
});

describe('a signal', () => {
  test('ends a session, with its own reason', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped by the user');
    const gone = Promise.withResolvers<void>();
    serve((socket) => socket.on('close', () => gone.resolve()));
    const { stream, exit } = await open(controller.signal);
    controller.abort(reason);
    await expect(exit).rejects.toBe(reason);
    await expect(text(stream)).rejects.toBe(reason);
    await gone.promise;
  });

  test('ends the opening of one', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped by the user');
    api.upgrade(() => controller.abort(reason));
    await expect(open(controller.signal)).rejects.toBe(reason);
  });

  test('that fired before prevents it', async () => {
    await expect(open(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  });
});

describe('a session that is refused', () => {
  function answer(code: number, body: object): void {
    api.upgrade((_request, socket) => {
      const content = JSON.stringify(body);
      socket.end(`HTTP/1.1 ${code} No\r\ncontent-type: application/json\r\ncontent-length: ${content.length}\r\n\r\n${content}`);
    });
  }

  test('tells the words of the server', async () => {
    answer(404, { kind: 'Status', code: 404, reason: 'NotFound', message: 'pods "web-0" not found' });
    await expect(open()).rejects.toMatchObject({ code: 404, message: 'Error from server (NotFound): pods "web-0" not found' });
  });

  test('for its credentials is tried with new ones, once', async () => {
    let asked = 0;
    api.upgrade((_request, socket) => {
      asked++;
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n');
    });
    await expect(open()).rejects.toMatchObject({ code: 401 });
    expect(asked).toBe(2);
  });

  test('by a server that is not there names it', async () => {
    api.upgrade((_request, socket) => socket.destroy());
    await expect(open()).rejects.toMatchObject({ reason: 'Unreachable', message: expect.stringContaining(`127.0.0.1:${api.port}`) });
  });
});

function* chunksOf(data: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}
