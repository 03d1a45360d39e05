import { Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type WebSocket from 'ws';
import type { KubeConnection } from './connection.ts';
import { errorOfAnswer, errorOfConnection, KubeError } from './errors.ts';

export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

export interface ExecSession {
  /** Standard output to read, standard input to write. */
  readonly stream: Duplex;
  readonly stderr: PassThrough;
  /** The command's exit code; rejects when the session ended without one. */
  readonly exit: Promise<number>;
  close: () => void;
}

/** More than this waiting to be sent, and the writer waits. */
const highWaterBytes = 1 << 20;
const chunkBytes = 32 << 10;
/** Below the 30 s after which Liqo's virtual kubelet cuts a silent stream (virtual-kubelet issue 791). */
const pingMs = 10_000;

/**
 * Runs a command in a container (v5.channel.k8s.io, or v4). Other than client-node's, it honours back-pressure both
 * ways and takes a close without a status for what it is.
 *
 * @throws KubeError when the session cannot be opened
 */
export async function exec(connection: KubeConnection, target: ExecTarget, signal: AbortSignal): Promise<ExecSession> {
  const { default: Socket } = await import('ws');
  const query = new URLSearchParams({ container: target.container, stdin: 'true', stdout: 'true', stderr: 'true', tty: 'false' });
  for (const word of target.command) query.append('command', word);
  const path = `/api/v1/namespaces/${target.namespace}/pods/${target.pod}/exec`;
  const { url, options } = await connection.webSocketOptions(path, query.toString());
  const socket = new Socket(url, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], { ...options, handshakeTimeout: 20_000, perMessageDeflate: false });
  await opened(socket, connection, signal);
  return session(socket);
}

async function opened(socket: WebSocket, connection: KubeConnection, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      socket.terminate();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('open', () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    socket.once('unexpected-response', (_request, answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => reject(errorOfAnswer(answer.statusCode ?? 0, Buffer.concat(chunks).toString(), connection.server.host)));
    });
    socket.once('error', (cause) => reject(errorOfConnection(connection.server.host, cause)));
  });
}

function session(socket: WebSocket): ExecSession {
  const stderr = new PassThrough();
  const exit = Promise.withResolvers<number>();
  exit.promise.catch(() => undefined);
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void send(socket, chunk).then(() => done(), done),
    final: (done) => {
      // Only v5 can close standard input alone: channel 255, then the number of the channel.
      if (socket.protocol.startsWith('v5') && socket.readyState === socket.OPEN) socket.send(Buffer.from([255, 0]));
      done();
    },
  });
  const heart = setInterval(() => socket.readyState === socket.OPEN && socket.ping(), pingMs);
  socket.on('message', (message: Buffer) => {
    const data = message.subarray(1);
    if (message[0] === 1 && data.length > 0 && !stream.push(data)) socket.pause();
    else if (message[0] === 2) stderr.write(data);
    else if (message[0] === 3) settle(data.toString('utf8'), exit);
  });
  socket.on('error', (error) => exit.reject(error));
  socket.on('close', () => {
    clearInterval(heart);
    exit.reject(new KubeError(0, 'Disconnected', 'the exec session ended without a status'));
    stream.push(null);
    stderr.end();
  });
  return { stream, stderr, exit: exit.promise, close: () => socket.terminate() };
}

async function send(socket: WebSocket, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length; at += chunkBytes) {
    if (socket.readyState !== socket.OPEN) throw new Error('the exec session is closed');
    socket.send(Buffer.concat([Buffer.from([0]), data.subarray(at, at + chunkBytes)]));
    while (socket.bufferedAmount > highWaterBytes) await delay(5);
  }
}

function settle(text: string, exit: PromiseWithResolvers<number>): void {
  const status = JSON.parse(text) as { status?: string; message?: string; reason?: string; details?: { causes?: { reason?: string; message?: string }[] } };
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (status.status === 'Success') exit.resolve(0);
  else if (code !== undefined) exit.resolve(Number(code));
  else exit.reject(new KubeError(0, status.reason ?? '', status.message ?? 'the command could not be run'));
}
