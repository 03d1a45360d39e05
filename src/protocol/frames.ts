import type { Socket } from 'node:net';
import { plainSegment } from './names.ts';

/**
 * What two agents say to each other, over TLS: frames of one type byte, a 32-bit length and a body. Type J is a JSON
 * message, type D the next bytes of an open file (first 4 bytes: its number). All of it is untrusted at the receiver.
 */
export type PeerMessage =
  | { type: 'open'; file: number; container: string; kind: FileKind; name: string }
  | { type: 'close'; file: number; size: number; crc32: number }
  | { type: 'precopied' }
  | { type: 'restorable'; container: string }
  | { type: 'checkpointed'; container: string }
  | { type: 'complete'; files: number; bytes: number }
  | { type: 'ready'; stage: 'precopied' | 'held' | 'running' }
  | { type: 'commit' }
  /** Says nothing but that the sender, and the link, are there. */
  | { type: 'alive' }
  | { type: 'failed'; message: string };

/** `image`: a file of CRIU's; `tree`: changes of a file tree (volume, root file system, shared memory); `warm-up`: nothing. */
export type FileKind = 'image' | 'tree' | 'warm-up';

/** CRIU's files with the content of memory: all of the bytes, nearly, and the last thing that a restore reads. */
export function isPages(name: string): boolean {
  return /^pages-.*\.img$/.test(name);
}

/** The name of the pod as a whole where a container's name is expected: trees belong to no single container. */
export const wholePod = '_pod';

const headerBytes = 5;
const maxJsonBytes = 1 << 20;
/** What a data frame carries at most. One stream of 1 MiB frames is near the best that TLS gives. */
export const maxDataBytes = 1 << 20;

export function messageFrame(message: PeerMessage): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  return Buffer.concat([header(0x4a, body.length), body]);
}

/** The head of a data frame; the data itself follows as its own write, so that it is not copied. */
export function dataFrameHead(file: number, bytes: number): Buffer {
  const head = Buffer.alloc(headerBytes + 4);
  head.writeUInt8(0x44, 0);
  head.writeUInt32BE(bytes + 4, 1);
  head.writeUInt32BE(file, headerBytes);
  return head;
}

function header(type: number, length: number): Buffer {
  const head = Buffer.alloc(headerBytes);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(length, 1);
  return head;
}

/**
 * Cuts a byte stream into frames. Data is handed on as it comes, in pieces, without waiting for the end of its frame.
 *
 * @throws Error (from `push`) on anything that is no frame; the connection is worthless then
 */
export class FrameReader {
  readonly #onMessage: (message: PeerMessage) => void;
  readonly #onData: (file: number, data: Buffer) => void;
  #head = Buffer.alloc(0);
  #json: { left: number; parts: Buffer[] } | undefined;
  #data: { left: number; file: number } | undefined;

  constructor(onMessage: (message: PeerMessage) => void, onData: (file: number, data: Buffer) => void) {
    this.#onMessage = onMessage;
    this.#onData = onData;
  }

  push(input: Buffer): void {
    let chunk = input;
    while (chunk.length > 0) {
      if (this.#data) chunk = this.#takeData(this.#data, chunk);
      else if (this.#json) chunk = this.#takeJson(this.#json, chunk);
      else chunk = this.#takeHead(chunk);
    }
  }

  #takeHead(chunk: Buffer): Buffer {
    const wanted = this.#head[0] === 0x44 || (this.#head.length === 0 && chunk[0] === 0x44) ? headerBytes + 4 : headerBytes;
    const missing = wanted - this.#head.length;
    this.#head = Buffer.concat([this.#head, chunk.subarray(0, missing)]);
    if (this.#head.length < wanted) return chunk.subarray(chunk.length);
    const type = this.#head[0];
    const length = this.#head.readUInt32BE(1);
    if (type === 0x44) {
      if (length < 4 || length - 4 > maxDataBytes) throw new Error(`a data frame of ${length} bytes`);
      this.#data = { left: length - 4, file: this.#head.readUInt32BE(headerBytes) };
      if (this.#data.left === 0) this.#data = undefined;
    } else if (type === 0x4a) {
      if (length === 0 || length > maxJsonBytes) throw new Error(`a message of ${length} bytes`);
      this.#json = { left: length, parts: [] };
    } else {
      throw new Error(`a frame of unknown type ${type}`);
    }
    this.#head = Buffer.alloc(0);
    return chunk.subarray(missing);
  }

  #takeData(data: { left: number; file: number }, chunk: Buffer): Buffer {
    const part = chunk.subarray(0, data.left);
    data.left -= part.length;
    if (data.left === 0) this.#data = undefined;
    this.#onData(data.file, part);
    return chunk.subarray(part.length);
  }

  #takeJson(json: { left: number; parts: Buffer[] }, chunk: Buffer): Buffer {
    const part = chunk.subarray(0, json.left);
    json.parts.push(part);
    json.left -= part.length;
    if (json.left === 0) {
      this.#json = undefined;
      this.#onMessage(checkedMessage(JSON.parse(Buffer.concat(json.parts).toString('utf8'))));
    }
    return chunk.subarray(part.length);
  }
}

/** Resolves once the socket takes more. */
export async function drained(socket: Socket): Promise<void> {
  if (!socket.writableNeedDrain) return;
  await new Promise<void>((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', done).off('close', broken);
      resolve();
    };
    const broken = (): void => {
      socket.off('drain', done);
      reject(new Error('the connection to the other agent closed'));
    };
    socket.once('drain', done).once('close', broken);
  });
}

const kinds: readonly FileKind[] = ['image', 'tree', 'warm-up'];
const stages = ['precopied', 'held', 'running'] as const;

/** A message from the other node with every field checked. @throws Error naming what is wrong */
export function checkedMessage(value: unknown): PeerMessage {
  const raw = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  switch (raw['type']) {
    case 'open':
      return {
        type: 'open',
        file: count(raw['file'], 'file'),
        container: plainSegment(raw['container'], 'container'),
        kind: oneOf(kinds, raw['kind'], 'kind'),
        name: plainSegment(raw['name'], 'file name'),
      };
    case 'close':
      return { type: 'close', file: count(raw['file'], 'file'), size: count(raw['size'], 'size'), crc32: count(raw['crc32'], 'crc32') };
    case 'restorable':
    case 'checkpointed':
      return { type: raw['type'], container: plainSegment(raw['container'], 'container') };
    case 'complete':
      return { type: 'complete', files: count(raw['files'], 'files'), bytes: count(raw['bytes'], 'bytes') };
    case 'ready':
      return { type: 'ready', stage: oneOf(stages, raw['stage'], 'stage') };
    case 'precopied':
    case 'commit':
    case 'alive':
      return { type: raw['type'] };
    case 'failed':
      return { type: 'failed', message: String(raw['message']).slice(0, 4000) };
    default:
      throw new Error(`a message of unknown type ${JSON.stringify(raw['type'])?.slice(0, 40)}`);
  }
}

function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Error(`${what} is no count`);
  return value;
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown, what: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`${what} is none of ${allowed.join(', ')}`);
  return found;
}
