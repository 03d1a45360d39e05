import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type AgentOptions } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { MigrateError } from '../errors.ts';
import { identifier, type Identify, type Identity, type TlsMaterial } from './credentials.ts';
import { DialingAgent, type Dialer } from './dialing-agent.ts';
import { errorOfAnswer, errorOfConnection, KubeError } from './errors.ts';
import { contextOfText, resolveContext, type ConnectionFlags, type ResolvedContext } from './kubeconfig.ts';
import type { KubeList } from './types.ts';

export type { Dialer } from './dialing-agent.ts';

export interface RequestDetails {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly query?: Query;
  /** Milliseconds until the request is given up; the connection's by default, 0 for never. */
  readonly deadlineMs?: number;
}

export type Query = Readonly<Record<string, string>>;

/** Ways to change an object, by the content type that asks for it. */
const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const fieldManager = { fieldManager: 'kubectl-migrate' };
const defaultDeadlineMs = 30_000;
const mostRepeats = 10;

/** What a request needs beside its path. */
interface Way {
  readonly options: TlsMaterial & { readonly headers: Identity['headers'] };
  readonly agent: HttpAgent;
}

/**
 * An API server, as one user. Objects go both ways as raw JSON, so that no field is lost. Paths are absolute
 * (`/api/v1/namespaces/demo/pods/web-0`).
 *
 * All methods throw KubeError for an answer other than 2xx and for no answer, and the reason of `signal`.
 */
export class KubeConnection {
  /** For messages: the context's or the cluster's name. */
  readonly name: string;
  readonly namespace: string;
  readonly server: URL;
  readonly #identify: Identify;
  readonly #deadlineMs: number;
  readonly #dial: Dialer | undefined;
  #agent: HttpAgent | undefined;
  #tls: TlsMaterial | undefined;

  constructor(context: ResolvedContext, identify: Identify, deadlineMs: number, dial?: Dialer) {
    this.name = context.name;
    this.namespace = context.namespace;
    this.server = new URL(String(context.cluster['server']));
    this.#identify = identify;
    this.#deadlineMs = deadlineMs;
    this.#dial = dial;
  }

  async get<T>(path: string, signal?: AbortSignal, query?: Query): Promise<T> {
    return await this.#json<T>(path, query ? { query } : {}, signal);
  }

  /** Items of a list come without apiVersion and kind: that is how the API sends them. */
  async list<T>(path: string, signal?: AbortSignal, query?: Query): Promise<KubeList<T>> {
    return await this.get<KubeList<T>>(path, signal, query);
  }

  /** @param query e.g. `{ dryRun: 'All' }` */
  async create<T>(path: string, body: unknown, signal?: AbortSignal, query?: Query): Promise<T> {
    return await this.#json<T>(path, { method: 'POST', body, query: { ...fieldManager, ...query } }, signal);
  }

  async patch<T>(path: string, body: unknown, type: keyof typeof patchTypes, signal?: AbortSignal, query?: Query): Promise<T> {
    const details = { method: 'PATCH', body, contentType: patchTypes[type], query: { ...fieldManager, ...query } };
    return await this.#json<T>(path, details, signal);
  }

  /** @param body DeleteOptions, e.g. `{ gracePeriodSeconds: 0, preconditions: { uid } }` */
  async delete(path: string, body?: unknown, signal?: AbortSignal): Promise<void> {
    await this.#json(path, { method: 'DELETE', body }, signal);
  }

  async text(path: string, query: Query, signal?: AbortSignal): Promise<string> {
    return await this.#whole(path, { query }, signal);
  }

  /** Starts a request and returns its answer's stream (a watch, say). The deadline counts until the answer begins. */
  async open(path: string, details: RequestDetails, signal?: AbortSignal): Promise<IncomingMessage> {
    return await this.#within(details, signal, async (both) => await this.#exchange(path, details, both));
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

  /** Ends kept connections, so that the process can end. */
  close(): void {
    this.#agent?.destroy();
  }

  async #json<T>(path: string, details: RequestDetails, signal?: AbortSignal): Promise<T> {
    const text = await this.#whole(path, details, signal);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new KubeError(0, '', `${this.server.host} answered something that is no JSON: ${text.slice(0, 100)}`, { cause });
    }
  }

  async #whole(path: string, details: RequestDetails, signal?: AbortSignal): Promise<string> {
    return await this.#within(details, signal, async (both) => await bodyOf(await this.#exchange(path, details, both)));
  }

  /** Runs `work` with a signal that also fires at the deadline, and names the reason when that stopped it. */
  async #within<T>(details: RequestDetails, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    // Credentials come first, outside of the deadline: a plugin may take its time, or ask its user.
    await this.#way(false);
    const deadline = new AbortController();
    const ms = details.deadlineMs ?? this.#deadlineMs;
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
    const type = content === undefined ? {} : { 'content-type': details.contentType ?? 'application/json', 'content-length': Buffer.byteLength(content) };
    const headers = { accept: 'application/json', 'user-agent': 'kubectl-migrate', ...options.headers, ...type };
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    for (let isRepeated = false; ; isRepeated = true) {
      const request = send(url, { ...options, agent, method, headers, signal });
      request.end(content);
      try {
        return await answerOf(request);
      } catch (error) {
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
      return await this.#identify(afresh);
    } catch (error) {
      throw errorOfConnection(this.server.host, error);
    }
  }

  #newAgent(options: AgentOptions): HttpAgent {
    if (this.server.protocol === 'http:') return new HttpAgent({ keepAlive: options.keepAlive ?? false });
    return this.#dial ? new DialingAgent(this.#dial, options) : new Agent(options);
  }

  #url(path: string): URL {
    const url = new URL(this.server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    return url;
  }
}

/** Opens the connection that the flags, the kubeconfig and the environment tell. @throws MigrateError (usage) */
export async function openConnection(flags: ConnectionFlags): Promise<KubeConnection> {
  const context = resolveContext(flags, process.env) ?? inCluster(flags, process.env);
  return connectionTo(context, flags.requestTimeoutMs ?? defaultDeadlineMs);
}

/** Opens a connection with the current context of a kubeconfig's text; `name` is for messages. @throws MigrateError (usage) */
export async function connectionFromKubeconfig(yaml: string, name: string, dial?: Dialer): Promise<KubeConnection> {
  return connectionTo(contextOfText(yaml, name), defaultDeadlineMs, dial);
}

function connectionTo(context: ResolvedContext, deadlineMs: number, dial?: Dialer): KubeConnection {
  const { cluster } = context;
  const given = String(cluster['server']);
  // As client-go: a server without a scheme is spoken to by TLS only when something is known for TLS.
  const isSecure = Object.keys(cluster).some((key) => /^(certificate-authority|insecure-skip-tls-verify|tls-server-name)/.test(key) && cluster[key]);
  const server = given.includes('://') ? given : `${isSecure ? 'https' : 'http'}://${given}`;
  if (!URL.canParse(server)) throw new MigrateError('usage', `error: the server "${given}" of ${context.name} is no address`);
  const resolved = { ...context, cluster: { ...cluster, server } };
  return new KubeConnection(resolved, identifier(resolved), deadlineMs, dial);
}

function inCluster(flags: ConnectionFlags, env: NodeJS.ProcessEnv): ResolvedContext {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) {
    throw new MigrateError('usage', 'error: no kubeconfig names a server', { hint: 'name a kubeconfig with --kubeconfig or KUBECONFIG' });
  }
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  return {
    name: 'in-cluster',
    namespace: flags.namespace ?? readFileSync(`${folder}/namespace`, 'utf8').trim(),
    cluster: { server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, 'certificate-authority': `${folder}/ca.crt` },
    user: { tokenFile: `${folder}/token` },
  };
}

/** A server that is too busy says after how many seconds it may be asked again; it has done nothing then. */
function secondsToWait({ statusCode = 0, headers }: IncomingMessage): number | undefined {
  const seconds = /^\d+$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : undefined;
  return statusCode === 429 || statusCode >= 500 ? seconds : undefined;
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
