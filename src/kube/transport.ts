import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Identify, Identity, TlsMaterial } from './credentials.ts';
import { DialingAgent, type Dialer } from './dialing-agent.ts';
import { errorOfAnswer, errorOfConnection, KubeError } from './errors.ts';
import { Pipeline } from './pipeline.ts';

export type Query = Readonly<Record<string, string>>;

export interface RequestDetails {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly query?: Query;
  /** Milliseconds until the request is given up; the transport's by default, 0 for never. */
  readonly deadlineMs?: number;
}

/** A request that was answered, or not. No headers and no bodies: they can hold what nobody may see. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** `200 OK`, or why there was no answer. */
  readonly status: string;
  readonly ms: number;
  /** What the server wants the user to know (its Warning headers). */
  readonly warnings: readonly string[];
}

export type OnExchange = (exchange: Exchange) => void;

export interface TransportOptions {
  readonly server: URL;
  readonly identify: Identify;
  /** Milliseconds until a request is given up; 0 for never. */
  readonly deadlineMs: number;
  readonly dial: Dialer | undefined;
  readonly onExchange: OnExchange | undefined;
}

const mostRepeats = 10;

/** What a request needs beside its path. */
interface Way {
  readonly options: TlsMaterial & { readonly headers: Identity['headers'] };
  readonly agent: HttpAgent;
}

/**
 * HTTP to one server as one user: over connections that are kept, with a deadline for everything, and again where that
 * is safe (a kept connection that was closed, credentials that ended, a server that is too busy).
 */
export class Transport {
  readonly #options: TransportOptions;
  #agent: HttpAgent | undefined;
  #tls: TlsMaterial | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get server(): URL {
    return this.#options.server;
  }

  /** Starts a request and returns its answer's stream. The deadline counts until the answer begins. */
  async open(path: string, details: RequestDetails, signal?: AbortSignal): Promise<IncomingMessage> {
    return await this.#within(details, signal, async (both) => await this.#exchange(path, details, both));
  }

  /** Makes a request and returns its whole answer. The deadline counts until its end. */
  async text(path: string, details: RequestDetails, signal?: AbortSignal): Promise<string> {
    return await this.#within(details, signal, async (both) => await bodyOf(await this.#exchange(path, details, both)));
  }

  /** What a WebSocket needs to get to the same server as the same user. `afresh` after a 401. */
  async webSocketOptions(path: string, query: string, afresh = false): Promise<{ url: string; options: Record<string, unknown> }> {
    const url = this.#url(path);
    url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
    url.search = query;
    const { headers, tls, proxy } = await this.#identity(afresh);
    // A connection of its own: one that was kept could be closed at the other end, and this one is not given back.
    return { url: url.href, options: { ...tls, headers, agent: proxy ?? this.#newAgent({ ...tls }) } };
  }

  /**
   * Opens a connection of its own to the same server as the same user, and asks for `path` on it: credentials and the way are
   * proven before anything goes out that counts.
   *
   * @throws KubeError also when the server, or what stands before it, keeps no connection
   */
  async pipeline(path: string, signal?: AbortSignal): Promise<Pipeline> {
    return await this.#within({}, signal, async (both) => {
      const url = this.#url(path);
      for (let isAfresh = false; ; isAfresh = true) {
        const { headers, tls, proxy } = await this.#identity(isAfresh);
        // Those who make the agents of proxies do not ask them to keep a connection.
        const agent = Object.assign(proxy ?? this.#newAgent({ ...tls }), { keepAlive: true });
        const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
        const request = send(url, {
          ...tls,
          agent,
          headers: { 'accept': 'application/json', 'user-agent': 'kubectl-migrate', ...headers },
          signal: both,
        });
        const { code, text, socket } = await keptSocket(request, agent);
        if (code === 401 && !isAfresh) socket?.destroy();
        else if (code === 401) throw errorOfAnswer(code, text, this.server.host);
        else if (socket) return await Pipeline.over(this.server, socket, headers, this.#options.onExchange);
        else throw new KubeError(0, 'Unkept', `${this.server.host} keeps no connection open`);
      }
    });
  }

  /** Ends kept connections, so that the process can end. */
  close(): void {
    this.#agent?.destroy();
  }

  /** Runs `work` with a signal that also fires at the deadline, and names the reason when that stopped it. */
  async #within<T>(details: RequestDetails, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    // Credentials come first, outside of the deadline: a plugin may take its time, or ask its user.
    await this.#way(false);
    const deadline = new AbortController();
    const ms = details.deadlineMs ?? this.#options.deadlineMs;
    const timer = ms > 0 ? setTimeout(() => deadline.abort(new Error(`no answer within ${ms / 1000} s`)), ms) : undefined;
    try {
      return await work(signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw errorOfConnection(this.server.host, deadline.signal.aborted ? deadline.signal.reason : error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #exchange(path: string, details: RequestDetails, signal: AbortSignal): Promise<IncomingMessage> {
    let isAfresh = false;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#send(path, details, signal, isAfresh);
      const code = answer.statusCode ?? 0;
      const pauseSeconds = secondsToWait(answer);
      if (code >= 200 && code <= 299) return answer;
      if (code === 401 && !isAfresh) {
        // A token can have ended since it was asked for; one that is new and refused too is refused for good.
        isAfresh = true;
        answer.resume();
      } else if (pauseSeconds !== undefined && attempt <= mostRepeats) {
        answer.resume();
        await delay(pauseSeconds * 1000, undefined, { signal });
      } else {
        throw errorOfAnswer(code, await bodyOf(answer), this.server.host);
      }
    }
  }

  async #send(path: string, details: RequestDetails, signal: AbortSignal, afresh: boolean): Promise<IncomingMessage> {
    const url = this.#url(path);
    for (const [key, value] of Object.entries(details.query ?? {})) url.searchParams.set(key, value);
    const { options, agent } = await this.#way(afresh);
    const method = details.method ?? 'GET';
    const content = details.body === undefined ? undefined : JSON.stringify(details.body);
    const type =
      content === undefined
        ? {}
        : { 'content-type': details.contentType ?? 'application/json', 'content-length': Buffer.byteLength(content) };
    const headers = { 'accept': 'application/json', 'user-agent': 'kubectl-migrate', ...options.headers, ...type };
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    for (let isRepeated = false; ; isRepeated = true) {
      const request = send(url, { ...options, agent, method, headers, signal });
      request.end(content);
      const start = performance.now();
      const emit = (status: string, warnings: readonly string[]): void =>
        this.#options.onExchange?.({ method, url: url.href, status, ms: Math.round(performance.now() - start), warnings });
      try {
        const answer = await answerOf(request);
        emit(`${answer.statusCode} ${answer.statusMessage}`, warningsOf(answer));
        return answer;
      } catch (error) {
        emit((error as Error).message, []);
        // The server may have closed a kept connection at the moment that we took it up again.
        if (method !== 'GET' || isRepeated || !request.reusedSocket || (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      }
    }
  }

  async #way(afresh: boolean): Promise<Way> {
    const { headers, tls, proxy } = await this.#identity(afresh);
    if (!this.#agent || !isDeepStrictEqual(tls, this.#tls)) {
      // `timeout` is for idle connections alone: those of which a server or a balancer may have lost patience.
      this.#agent = proxy ?? this.#newAgent({ ...tls, keepAlive: true, timeout: 20_000 });
      this.#tls = tls;
    }
    return { options: { ...tls, headers }, agent: this.#agent };
  }

  async #identity(afresh: boolean): Promise<Identity> {
    try {
      return await this.#options.identify(afresh);
    } catch (error) {
      throw errorOfConnection(this.server.host, error);
    }
  }

  #newAgent(options: AgentOptions): HttpAgent {
    if (this.server.protocol === 'http:') return new HttpAgent({ keepAlive: options.keepAlive ?? false });
    const { dial } = this.#options;
    return dial ? new DialingAgent(dial, options) : new Agent(options);
  }

  #url(path: string): URL {
    const url = new URL(this.server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    return url;
  }
}

/** Texts of Warning headers (RFC 7234: code, agent, quoted text); Kubernetes gives them the code 299. */
function warningsOf({ headers }: IncomingMessage): string[] {
  const header = [headers['warning'] ?? []].flat().join(', ');
  return [...header.matchAll(/\b299 \S+ "((?:\\.|[^"\\])*)"/g)].map(([, text = '']) => text.replace(/\\(.)/g, '$1'));
}

/** A server that is too busy says after how many seconds it may be asked again; it has done nothing then. */
function secondsToWait({ statusCode = 0, headers }: IncomingMessage): number | undefined {
  const seconds = /^\d+$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : undefined;
  return statusCode === 429 || statusCode >= 500 ? seconds : undefined;
}

/** Makes a request and keeps its connection from whatever else the agent would do with it. */
async function keptSocket(request: ClientRequest, agent: HttpAgent): Promise<{ code: number; text: string; socket: Duplex | undefined }> {
  let socket: Duplex | undefined;
  agent.keepSocketAlive = (kept) => {
    socket = kept;
    return true;
  };
  const over = new Promise<void>((resolve) => request.once('close', resolve));
  request.end();
  const answer = await answerOf(request);
  const text = await bodyOf(answer);
  // An agent takes a connection back once the request is over.
  await over;
  await new Promise((resolve) => setImmediate(resolve));
  // As if for another request: from then on the agent does not listen on it any more.
  if (socket) agent.reuseSocket(socket, request);
  return { code: answer.statusCode ?? 0, text, socket };
}

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
