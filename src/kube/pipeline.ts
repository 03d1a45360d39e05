import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'undici';
import type { Identity } from './credentials.ts';
import { errorOfConnection } from './errors.ts';
import type { OnExchange } from './transport.ts';

export interface PipelinedRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the server's own, with its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** What a server said to a request; 2xx or not. */
export interface Answered {
  readonly code: number;
  /** The object, or a Status; text when it is no JSON. */
  readonly body: unknown;
}

/** No answer came. The request may have been carried out, and may yet be. */
export interface Unanswered {
  readonly lost: Error;
}

export type PipelinedAnswer = Answered | Unanswered;

export function isAnswered(answer: PipelinedAnswer | undefined): answer is Answered {
  return answer !== undefined && 'code' in answer;
}

/** Far above what etcd takes for an object (1.5 MiB), and what its managedFields add. */
const largestAnswer = 16 * 1024 * 1024;

/**
 * One HTTP/1.1 connection on which several requests go out in one write and are carried out one after the other, without a
 * way there and back between them (RFC 9112, 9.3.2). Nothing is ever sent twice: once the connection is lost, whatever has
 * no answer is told so, and so is all that comes later.
 *
 * undici parses the answers. It pipelines only what it may send again, and would do so over another connection, so there is none.
 */
export class Pipeline {
  readonly #server: URL;
  readonly #socket: Duplex;
  readonly #headers: Identity['headers'];
  readonly #onExchange: OnExchange | undefined;
  readonly #client: Client;
  #lost: Error | undefined;

  private constructor(UndiciClient: typeof Client, server: URL, socket: Duplex, headers: Identity['headers'], onExchange?: OnExchange) {
    this.#server = server;
    this.#socket = socket;
    this.#headers = headers;
    this.#onExchange = onExchange;
    socket.on('error', (error) => this.#lose(error));
    socket.once('close', () => this.#lose(new Error('the connection was closed')));
    let isTaken = false;
    this.#client = new UndiciClient(server.origin, {
      pipelining: 16,
      maxResponseSize: largestAnswer,
      // The deadline is that of all requests of a write together.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, done) => {
        if (isTaken) this.#lose(new Error('the connection was closed'));
        isTaken = true;
        // Not at once: all that is to go out in one write comes first.
        queueMicrotask(() => (this.#lost ? done(this.#lost, null) : done(null, socket as Socket)));
      },
    });
  }

  /** @param socket is the pipeline's own from here on, and idle */
  static async over(server: URL, socket: Duplex, headers: Identity['headers'], onExchange?: OnExchange): Promise<Pipeline> {
    const undici = await import('undici');
    return new Pipeline(undici.Client, server, socket, headers, onExchange);
  }

  get isOpen(): boolean {
    return this.#lost === undefined;
  }

  /** @returns as many answers as there are requests, in their order; those that are unanswered are the last ones */
  async send(requests: readonly PipelinedRequest[], deadlineMs: number, signal?: AbortSignal): Promise<PipelinedAnswer[]> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const stop = signal ? AbortSignal.any([signal, deadline]) : deadline;
    const give = (): void => {
      this.#end(signal?.aborted ? signal.reason : new Error(`no answer within ${deadlineMs / 1000} s`));
    };
    if (stop.aborted) give();
    else stop.addEventListener('abort', give, { once: true });
    if (requests.length > 1) this.#socket.cork();
    const answers = requests.map(async (request, index) => {
      const isLast = index === requests.length - 1;
      return await this.#exchange(request, () => isLast && requests.length > 1 && process.nextTick(() => this.#socket.uncork()));
    });
    try {
      return await Promise.all(answers);
    } finally {
      stop.removeEventListener('abort', give);
    }
  }

  close(): void {
    this.#end(new Error('the connection was closed'));
  }

  async #exchange(request: PipelinedRequest, onWritten: () => void): Promise<PipelinedAnswer> {
    const { method, path, contentType = 'application/json' } = request;
    const whole = `${this.#server.pathname.replace(/\/$/, '')}${path}`;
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    const headers = {
      'accept': 'application/json',
      'user-agent': 'kubectl-migrate',
      ...this.#headers,
      ...(body ? { 'content-type': contentType } : {}),
    };
    const start = performance.now();
    const answer = await new Promise<PipelinedAnswer>((resolve) => {
      if (this.#lost) return resolve({ lost: this.#lost });
      let code = 0;
      const chunks: Buffer[] = [];
      this.#client.dispatch(
        { method, path: whole, headers, body, idempotent: true, blocking: false, reset: false },
        {
          onRequestStart: onWritten,
          onResponseStart: (_controller, status) => void (code = status),
          onResponseData: (_controller, chunk) => void chunks.push(chunk),
          onResponseEnd: () => resolve({ code, body: parsed(Buffer.concat(chunks).toString('utf8')) }),
          onResponseError: (_controller, error) => resolve({ lost: this.#lose(error) }),
        },
      );
    });
    const status = isAnswered(answer) ? String(answer.code) : answer.lost.message;
    this.#onExchange?.({ method, url: `${this.#server.origin}${whole}`, status, ms: Math.round(performance.now() - start), warnings: [] });
    return answer;
  }

  /** @returns why the connection is no more: the first reason */
  #lose(reason: Error): Error {
    return (this.#lost ??= errorOfConnection(this.#server.host, reason));
  }

  #end(reason: Error): void {
    const lost = this.#lose(reason);
    void this.#client.destroy(lost);
    this.#socket.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
