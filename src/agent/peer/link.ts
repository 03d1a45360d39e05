import { crc32 } from 'node:zlib';
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { scaled } from '../../deadlines.ts';
import { dataFrameHead, drained, FrameReader, maxDataBytes, messageFrame, type FileKind, type PeerMessage } from '../../protocol/frames.ts';
import { unacknowledged } from './unacknowledged.ts';

/**
 * TLS 1.3 with a key that both agents were given for this one migration: it proves each side to the other, and the
 * session keys come from a fresh Diffie-Hellman exchange (psk_dhe_ke). No certificates, so nothing to sign or expire.
 * TLS only offers the key: a server may pass it over and show a certificate, so no authority is trusted here at all.
 */
const tlsOptions: SecureContextOptions = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256', ca: [] };
const identity = 'kubectl-migrate';

/** A network that drops everything tells nobody: each side says something once a second, and this long a silence is the end. */
const beatMs = 1_000;
const mostSilentBeats = 10;

/** The conversation of the two agents of a migration; one at each end. */
export class PeerLink {
  readonly #socket: TLSSocket;
  #files = 0;
  #bytes = 0;
  /** Settles (never rejects) when the link is gone, with the reason. */
  readonly closed: Promise<Error>;

  constructor(socket: TLSSocket, onMessage: (message: PeerMessage) => void, onData: (file: number, data: Buffer) => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    const reader = new FrameReader((message) => message.type === 'alive' || onMessage(message), onData);
    let silentBeats = 0;
    const heart = setInterval(() => {
      if (++silentBeats > scaled(mostSilentBeats))
        socket.destroy(new Error(`nothing came from the other agent for ${(scaled(mostSilentBeats) * beatMs) / 1000} s`));
      this.send({ type: 'alive' });
    }, beatMs);
    socket.on('data', (chunk: Buffer) => {
      silentBeats = 0;
      try {
        reader.push(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    this.closed = new Promise((resolve) => {
      let reason: Error | undefined;
      socket.on('error', (error) => (reason ??= error));
      socket.on('close', () => {
        clearInterval(heart);
        resolve(reason ?? new Error('the other agent closed the connection'));
      });
    });
  }

  /** Bytes that were written and have not arrived yet. */
  get unacknowledged(): number {
    return unacknowledged(this.#socket.localPort ?? 0, this.#socket.remotePort ?? 0);
  }

  /** Bytes of file content sent so far, and the number of files. */
  get sent(): { files: number; bytes: number } {
    return { files: this.#files, bytes: this.#bytes };
  }

  send(message: PeerMessage): void {
    if (!this.#socket.destroyed) this.#socket.write(messageFrame(message));
  }

  /** Starts a file at the receiver; its content follows in order, as it becomes known. */
  openFile(container: string, kind: FileKind, name: string): FileSender {
    const file = this.#files++;
    this.send({ type: 'open', file, container, kind, name });
    let size = 0;
    let sum = 0;
    return {
      write: async (data) => {
        for (let at = 0; at < data.length; at += maxDataBytes) {
          const part = data.subarray(at, at + maxDataBytes);
          sum = crc32(part, sum);
          size += part.length;
          this.#bytes += part.length;
          this.#socket.cork();
          this.#socket.write(dataFrameHead(file, part.length));
          this.#socket.write(part);
          this.#socket.uncork();
          await drained(this.#socket);
        }
      },
      end: () => this.send({ type: 'close', file, size, crc32: sum }),
    };
  }

  close(): void {
    this.#socket.destroySoon();
  }
}

export interface FileSender {
  /** Sends the next bytes. The buffer must not be reused before the promise is fulfilled twice over: give fresh ones. */
  write(data: Buffer): Promise<void>;
  /** Tells the size and checksum; the receiver compares them with what it wrote. */
  end(): void;
}

/**
 * Waits for the one connection of the other agent.
 *
 * @param key 32 secret bytes, base64
 * @returns the TCP port at once; `onLink` is called when the other agent has proved that it knows the key
 */
export async function listenForPeer(key: string, onLink: (socket: TLSSocket) => void): Promise<{ port: number; close: () => void }> {
  const psk = Buffer.from(key, 'base64');
  const server = createServer({ ...tlsOptions, pskCallback: (_socket, id) => (id === identity ? psk : null) }, (socket) => {
    if (!hasProvedKey(socket)) return void socket.destroy();
    server.close();
    onLink(socket);
  });
  server.on('tlsClientError', () => undefined); // somebody without the key: not our peer, nothing to tell it
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, () => resolve()));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the agent got no port to listen on');
  return { port: address.port, close: () => server.close() };
}

/** @throws Error naming host and port when the other agent cannot be reached or does not know the key */
export async function connectToPeer(host: string, port: number, key: string, deadlineMs: number): Promise<TLSSocket> {
  const psk = Buffer.from(key, 'base64');
  const socket = connect({ host, port, ...tlsOptions, pskCallback: () => ({ psk, identity }), checkServerIdentity: () => undefined });
  return await new Promise<TLSSocket>((resolve, reject) => {
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`cannot reach the agent at ${host}:${port}: ${cause.message}`, { cause }));
    };
    const timer = setTimeout(() => fail(new Error(`no answer within ${deadlineMs / 1000} s`)), deadlineMs);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      if (!hasProvedKey(socket)) return fail(new Error('it does not know the key of this migration'));
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** To OpenSSL a connection by a key that was known before is a session that goes on; whoever came in by a certificate shows one. */
function hasProvedKey(socket: TLSSocket): boolean {
  return socket.isSessionReused() && Object.keys(socket.getPeerCertificate()).length === 0;
}
