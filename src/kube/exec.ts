import { Duplex, Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { KubeConnection } from './connection.ts';
import { errorOfAnswer, errorOfConnection, errorOfStatus, KubeError, type Status } from './errors.ts';

export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

export interface ExecSession {
  /**
   * Standard output to read, standard input to write; ending it closes the command's standard input (where the server
   * knows v5 of the protocol). Ends when the command has ended; a session that breaks destroys it with the error. What
   * is not read holds everything up, the exit code too.
   */
  readonly stream: Duplex;
  /** Standard error. Of what nobody reads, the first 64 KiB are kept. */
  readonly stderr: Readable;
  /** The command's exit code; rejects when the session ended without one. */
  readonly exit: Promise<number>;
  close: () => void;
}

/** Messages of the channel protocol begin with one byte that tells what they belong to. */
const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;

const chunkBytes = 32 << 10;
/** More than this waiting to be sent, and the writer waits. */
const highWaterBytes = 1 << 20;
const unreadStderrBytes = 64 << 10;
const pingMs = 10_000;

/**
 * Runs a command in a container (v5.channel.k8s.io, or v4). Other than client-node's, it honours back-pressure both
 * ways and takes a close without a status for what it is. The signal ends the session.
 *
 * @throws KubeError when the session cannot be opened
 */
export async function exec(connection: KubeConnection, target: ExecTarget, signal: AbortSignal): Promise<ExecSession> {
  signal.throwIfAborted();
  const socket = await dial(connection, target, signal, false).catch(async (error: unknown) => {
    // A token can have ended since it was asked for.
    if (!(error instanceof KubeError) || error.code !== 401) throw error;
    return await dial(connection, target, signal, true);
  });
  return session(socket, `${target.namespace}/${target.pod}`, signal);
}

async function dial(connection: KubeConnection, target: ExecTarget, signal: AbortSignal, afresh: boolean): Promise<WebSocket> {
  const { WebSocket } = await import('ws');
  const query = new URLSearchParams({ container: target.container, stdin: 'true', stdout: 'true', stderr: 'true', tty: 'false' });
  for (const word of target.command) query.append('command', word);
  const path = `/api/v1/namespaces/${target.namespace}/pods/${target.pod}/exec`;
  const { url, options } = await connection.webSocketOptions(path, query.toString(), afresh);
  const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
  const socket = new WebSocket(url, protocols, { ...options, handshakeTimeout: 20_000, perMessageDeflate: false });
  const start = performance.now();
  const emit = (status: string): void =>
    connection.onExchange?.({ method: 'GET', url, status, ms: Math.round(performance.now() - start), warnings: [] });
  try {
    await opened(socket, connection.server.host, signal);
    emit('101 Switching Protocols');
    return socket;
  } catch (error) {
    emit((error as Error).message);
    throw error;
  }
}

async function opened(socket: WebSocket, server: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => {
    reject(signal.reason as Error);
    socket.terminate();
  };
  signal.addEventListener('abort', abort, { once: true });
  socket.once('open', () => {
    // What comes before the session listens must wait for it.
    socket.pause();
    resolve();
  });
  socket.once('unexpected-response', (_request, answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('error', (cause) => reject(errorOfConnection(server, cause)));
    answer.on('end', () => reject(errorOfAnswer(answer.statusCode ?? 0, Buffer.concat(chunks).toString(), server)));
  });
  socket.on('error', (cause) => reject(errorOfConnection(server, cause)));
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** @param socket open and paused */
function session(socket: WebSocket, pod: string, signal: AbortSignal): ExecSession {
  const exit = Promise.withResolvers<number>();
  // Whoever cares for it awaits it; nobody has to.
  exit.promise.catch(() => undefined);
  let hasStatus = false;
  const full = new Set<Readable>();
  const resume = (stream: Readable): void => {
    full.delete(stream);
    if (full.size === 0) socket.resume();
  };
  const deliver = (to: Readable, data: Buffer): void => {
    if (data.length === 0 || to.destroyed || to.push(data)) return;
    full.add(to);
    socket.pause();
  };
  const deliverError = (data: Buffer): void => {
    if (stderr.readableFlowing !== null) deliver(stderr, data);
    else if (stderr.readableLength < unreadStderrBytes) stderr.push(data);
  };
  const stream = new Duplex({
    read: () => resume(stream),
    write: (chunk: Buffer, _encoding, done) => send(socket, chunk, done),
    final: (done) =>
      socket.protocol.startsWith('v5') && socket.readyState === socket.OPEN
        ? socket.send(Buffer.from([channels.close, channels.stdin]), done)
        : done(),
    destroy: (error, done) => {
      socket.terminate();
      done(error);
    },
  });
  const stderr = new Readable({ read: () => resume(stderr) });
  // Both may be destroyed with an error when nobody listens to it: `exit` tells it as well.
  for (const one of [stream, stderr]) one.on('error', () => undefined);
  const end = (error: Error | undefined): void => {
    clearInterval(heart);
    signal.removeEventListener('abort', abort);
    if (error) exit.reject(error);
    for (const one of [stream, stderr]) {
      if (error && !hasStatus) one.destroy(error);
      else if (!one.readableEnded && !one.destroyed) one.push(null);
    }
  };
  const abort = (): void => {
    end(signal.reason as Error);
    socket.terminate();
  };
  const heart = keepAlive(socket, () => full.size > 0);
  signal.addEventListener('abort', abort, { once: true });
  socket.on('message', (message: Buffer) => {
    const data = message.subarray(1);
    if (message[0] === channels.stdout) deliver(stream, data);
    else if (message[0] === channels.stderr) deliverError(data);
    else if (message[0] === channels.status) {
      hasStatus = true;
      settle(data.toString('utf8'), exit);
    }
  });
  socket.on('error', (cause) =>
    end(new KubeError(0, 'Disconnected', `the exec session with pod ${pod} broke: ${cause.message}`, { cause })),
  );
  socket.on('close', (code, reason) => {
    const why = reason.length > 0 ? `: ${reason.toString()}` : ` (WebSocket code ${code})`;
    end(hasStatus ? undefined : new KubeError(0, 'Disconnected', `the exec session with pod ${pod} ended without a status${why}`));
  });
  socket.resume();
  return { stream, stderr, exit: exit.promise, close: () => socket.terminate() };
}

/** Pings keep balancers patient, and tell a dead connection from a silent one. A paused socket sees no answers. */
function keepAlive(socket: WebSocket, isPaused: () => boolean): NodeJS.Timeout {
  let unanswered = 0;
  socket.on('pong', () => (unanswered = 0));
  socket.on('message', () => (unanswered = 0));
  return setInterval(() => {
    if (isPaused()) unanswered = 0;
    if (unanswered++ >= 3) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.ping();
  }, pingMs);
}

/** Sends in messages of 32 KiB; `done` comes when little enough waits in this process. */
function send(socket: WebSocket, data: Buffer, done: (error?: Error | null) => void): void {
  let sent = 0;
  const next = (error?: Error | null): void => {
    while (!error && sent < data.length) {
      if (socket.readyState !== socket.OPEN) return done(new KubeError(0, 'Disconnected', 'the exec session is closed'));
      const message = Buffer.concat([Buffer.from([channels.stdin]), data.subarray(sent, sent + chunkBytes)]);
      sent += chunkBytes;
      if (socket.bufferedAmount > highWaterBytes) return socket.send(message, next);
      socket.send(message, (failure) => failure && socket.terminate());
    }
    done(error);
  };
  next();
}

function settle(text: string, exit: PromiseWithResolvers<number>): void {
  let status: Status;
  try {
    status = JSON.parse(text) as Status;
  } catch (cause) {
    return exit.reject(
      new KubeError(0, 'Disconnected', `the exec session ended with a status that is none: ${text.slice(0, 100)}`, { cause }),
    );
  }
  // Liqo's virtual kubelet tells an exit code in the words of an internal error alone.
  const told = /command terminated with exit code (\d+)$/.exec(status.message ?? '')?.[1];
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message ?? told;
  if (status.status === 'Success') return exit.resolve(0);
  return code === undefined ? exit.reject(errorOfStatus(status)) : exit.resolve(Number(code));
}
