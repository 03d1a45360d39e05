import type { Readable, Writable } from 'node:stream';
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
  readonly error?: { message: string; details?: unknown };
  readonly event?: unknown;
}

/** What the other side said when it could not do what it was asked. */
export class RemoteError extends Error {
  readonly details: unknown;
  constructor(message: string, details: unknown) {
    super(message);
    this.name = 'RemoteError';
    this.details = details;
  }
}

/**
 * Liqo's virtual kubelet cuts an exec stream after 30 s of silence (virtual-kubelet issue 791). And an agent knows by it that
 * its CLI is neither dead nor suspended.
 */
const heartbeatMs = 2_000;

export type Handler = (method: string, params: unknown, emit: (event: unknown) => void) => Promise<unknown>;

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
      void handle(method, params, emit).then(
        (result) => writeJsonLine(channel.output, { id, result: result ?? null }),
        (error: unknown) => writeJsonLine(channel.output, { id, error: describeError(error) }),
      );
    }
  } finally {
    clearInterval(heart);
  }
}

function describeError(error: unknown): { message: string; details?: unknown } {
  if (!(error instanceof Error)) return { message: String(error) };
  const details = (error as { details?: unknown }).details;
  return details === undefined ? { message: error.message } : { message: error.message, details };
}

/** The calling side: one instance for one channel. */
export class RpcClient {
  readonly #channel: Channel;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 1;
  #lost: Error | undefined;
  /** Settles (never rejects) when the channel has ended, with the reason. */
  readonly closed: Promise<Error>;

  constructor(channel: Channel, name: string, onEvent: (event: unknown) => void) {
    this.#channel = channel;
    this.closed = this.#read(onEvent).then(
      () => this.#lose(new Error(`${name} ended the conversation`)),
      (error: unknown) => this.#lose(new Error(`the conversation with ${name} broke`, { cause: error })),
    );
    const heart = setInterval(() => writeJsonLine(channel.output, {}), heartbeatMs);
    heart.unref();
    void this.closed.then(() => clearInterval(heart));
    channel.output.on('error', () => undefined);
  }

  /** @throws RemoteError with the other side's words, or Error when the channel or the deadline ended first */
  async call<T>(method: string, params: unknown, deadlineMs: number): Promise<T> {
    if (this.#lost) throw this.#lost;
    const id = this.#next++;
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
      const answer = line as Answer;
      if (answer.event !== undefined) onEvent(answer.event);
      if (answer.id === undefined) continue;
      const pending = this.#settle(answer.id);
      if (answer.error) pending?.reject(new RemoteError(answer.error.message, answer.error.details));
      else pending?.resolve(answer.result);
    }
  }

  #lose(error: Error): Error {
    this.#lost = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    return error;
  }
}
