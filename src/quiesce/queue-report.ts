/** What a queue-proxy of Knative tells about the second before, at `/metrics` of port 9090, in numbers that are all at least 0. */
export interface QueueReport {
  readonly pod: string;
  /** How many requests it had at once, on average. One that lasts all the time makes that 1 exactly. */
  readonly inFlight: number;
  /** How many began, for each second. */
  readonly begun: number;
  /** Of queue-proxy's process, in seconds: by it one report is told from the next. */
  readonly uptime: number;
}

/** Far more than any report has: a name and five numbers. */
export const longestReport = 4096;

/** Numbers of the fields, as in knative.dev/serving pkg/autoscaler/metrics/stat.proto, the same in 0.42 and 0.47. */
const fields = { pod: 1, inFlight: 2, begun: 4, uptime: 6 } as const;

/**
 * Reads such a report: one message of protobuf, in which a field that is zero is left out, and others may be added.
 *
 * @param bytes whatever came from the pod
 * @throws Error saying why it is none
 */
export function readQueueReport(bytes: Uint8Array): QueueReport {
  if (bytes.length > longestReport) throw new Error(`a report of ${bytes.length} bytes`);
  const message = new Message(bytes);
  const numbers = new Map<number, number>();
  let pod = '';
  while (!message.isAtEnd) {
    const { field, type } = message.key();
    if (field === fields.pod && type === wire.bytes) pod = new TextDecoder('utf-8', { fatal: true }).decode(message.bytes());
    else if (type === wire.double) numbers.set(field, message.double());
    else message.skip(type);
  }
  const numberOf = (name: Exclude<keyof typeof fields, 'pod'>): number => {
    const value = numbers.get(fields[name]) ?? 0;
    if (!(value >= 0 && value < Infinity)) throw new Error(`a report with ${value} as ${name}`);
    return value;
  };
  const report = { pod, inFlight: numberOf('inFlight'), begun: numberOf('begun'), uptime: numberOf('uptime') };
  // Written last: without it the others may be missing as well, and not zero. In its first second a queue-proxy has none.
  if (report.uptime === 0) throw new Error('a report that does not say of when it is');
  return report;
}

/** Wire types: https://protobuf.dev/programming-guides/encoding/#structure */
const wire = { varint: 0, double: 1, bytes: 2, float: 5 } as const;

/** Takes one thing after the other, and throws where the bytes end too early. */
class Message {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  key(): { field: number; type: number } {
    const key = this.#varint();
    const field = Math.floor(key / 8);
    if (field < 1 || field >= 2 ** 29) throw new Error(`a report with field ${field}`);
    return { field, type: key % 8 };
  }

  double(): number {
    const taken = this.#take(8);
    return new DataView(taken.buffer, taken.byteOffset, 8).getFloat64(0, true);
  }

  bytes(): Uint8Array {
    return this.#take(this.#varint());
  }

  skip(type: number): void {
    if (type === wire.varint) this.#varint();
    else if (type === wire.double) this.#take(8);
    else if (type === wire.bytes) this.bytes();
    else if (type === wire.float) this.#take(4);
    else throw new Error(`a report with wire type ${type}`);
  }

  /** Exact up to 2^53, which is far beyond what keys and lengths may be. */
  #varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#take(1)[0] ?? 0;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new Error('a report with an endless number');
  }

  #take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw new Error('a report that breaks off');
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}
