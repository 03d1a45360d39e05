import type { Readable, Writable } from 'node:stream';
import { scaled } from '../deadlines.ts';
import { readJsonLines, writeJsonLine } from './lines.ts';

/** A connection's two directions. */
export interface Channel {
  readonly input: Readable;
  readonly output: Writable;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { message: string };
  readonly event?: unknown;
}

/** What the other side said when it could not do what it was asked. */
export class RemoteError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RemoteError';
  }
}

/** The channel ended before an answer came: what was asked may have been done, or be under way. */
export class ChannelEnded extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChannelEnded';
  }
}

/**
 * Liqo's virtual kubelet cuts an exec stream after 30 s of silence (virtual-kubelet issue 791). And an agent knows by it that
 * its CLI is neither dead nor suspended.
 */
const heartbeatMs = 2_000;
/** A channel over which nothing comes for that many beats is taken for broken, whatever its connections say. */
const mostSilentBeats = 8;

/** @param id the caller's number of the call: the same one when it is asked again through another channel */
export type Handler = (method: string, params: unknown, emit: (event: unknown) => void, id: number) => Promise<unknown>;

/**
 * Serves calls from a channel until its input ends. Calls run side by side; each answer carries its call's id.
 * A heartbeat line goes out every 2 s.
 */
export async function serveCalls(channel: Channel, handle: Handler): Promise<void> {
  const emit = (event: unknown): void => writeJsonLine(channel.output, { event });
  const heart = setInterval(() => writeJsonLine(channel.output, {}), heartbeatMs);
  try {
    for await (const line of readJsonLines(channel.input)) {
      const { id, method, params } = line as Partial<Call>;
      if (typeof id !== 'number' || typeof method !== 'string') continue;
      void handle(method, params, emit, id).then(
        (result) => writeJsonLine(channel.output, { id, result: result ?? null }),
        (error: unknown) => writeJsonLine(channel.output, { id, error: describeError(error) }),
      );
    }
  } finally {
    clearInterval(heart);
  }
}

function describeError(error: unknown): { message: string } {
  return { message: error instanceof Error ? error.message : String(error) };
}

/** The calling side: one instance for one channel. */
export class RpcClient {
  readonly #channel: Channel;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #lost: ChannelEnded | undefined;
  #silentBeats = 0;
  /** Settles (never rejects) when the channel has ended, with the reason. */
  readonly closed: Promise<ChannelEnded>;

  constructor(channel: Channel, name: string, onEvent: (event: unknown) => void) {
    this.#channel = channel;
    const silence = Promise.withResolvers<never>();
    this.closed = Promise.race([this.#read(onEvent), silence.promise]).then(
      () => this.#lose(new ChannelEnded(`${name} ended the conversation`)),
      (error: unknown) => this.#lose(new ChannelEnded(`the conversation with ${name} broke`, { cause: error })),
    );
    const heart = setInterval(() => {
      writeJsonLine(channel.output, {});
      if (++this.#silentBeats > scaled(mostSilentBeats)) silence.reject(new Error('nothing came from it any more'));
    }, heartbeatMs);
    heart.unref();
    void this.closed.then(() => clearInterval(heart));
    channel.output.on('error', () => undefined);
  }

  /**
   * @param id of no other call that waits for its answer
   * @throws RemoteError with the other side's words, ChannelEnded, or Error when the deadline ended first
   */
  async call<T>(id: number, method: string, params: unknown, deadlineMs: number): Promise<T> {
    if (this.#lost) throw this.#lost;
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    writeJsonLine(this.#channel.output, { id, method, params });
    const timer = setTimeout(
      () => this.#settle(id)?.reject(new Error(`no answer to "${method}" within ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    try {
      return (await answer) as T;
    } finally {
      clearTimeout(timer);
    }
  }

  #settle(id: number): { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  async #read(onEvent: (event: unknown) => void): Promise<void> {
    for await (const line of readJsonLines(this.#channel.input)) {
      this.#silentBeats = 0;
      const answer = line as Answer;
      if (answer.event !== undefined) onEvent(answer.event);
      if (answer.id === undefined) continue;
      const pending = this.#settle(answer.id);
      if (answer.error) pending?.reject(new RemoteError(answer.error.message));
      else pending?.resolve(answer.result);
    }
  }

  #lose(error: ChannelEnded): ChannelEnded {
    this.#lost = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    return error;
  }
}
