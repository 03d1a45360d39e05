import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { scaled } from '../deadlines.ts';
import { MigrateError } from '../errors.ts';
import { identifier } from './credentials.ts';
import type { Dialer } from './dialing-agent.ts';
import { KubeError } from './errors.ts';
import { contextOfText, resolveContext, type ConnectionFlags, type ResolvedContext } from './kubeconfig.ts';
import type { Pipeline } from './pipeline.ts';
import { Transport, type OnExchange, type Query, type RequestDetails } from './transport.ts';
import type { KubeList } from './types.ts';

/** Ways to change an object, by the content type that asks for it. */
const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const fieldManager = { fieldManager: 'kubectl-migrate' };
const defaultDeadlineMs = 30_000;

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
  /** Is told of every request; for connections that are opened on behalf of this one. */
  readonly onExchange: OnExchange | undefined;
  readonly #transport: Transport;

  constructor(name: string, namespace: string, transport: Transport, onExchange: OnExchange | undefined) {
    this.name = name;
    this.namespace = namespace;
    this.onExchange = onExchange;
    this.server = transport.server;
    this.#transport = transport;
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
    return await this.#transport.text(path, { query }, signal);
  }

  /** Starts a request and returns its answer's stream (a watch, say). The deadline counts until the answer begins. */
  async open(path: string, details: RequestDetails, signal?: AbortSignal): Promise<IncomingMessage> {
    return await this.#transport.open(path, details, signal);
  }

  /** What a WebSocket needs to get to the same server as the same user. `afresh` after a 401. */
  async webSocketOptions(path: string, query: string, afresh = false): Promise<{ url: string; options: Record<string, unknown> }> {
    return await this.#transport.webSocketOptions(path, query, afresh);
  }

  /** Opens a connection on which several requests go out in one write; `path` is asked for first. See {@link Pipeline}. */
  async pipeline(path: string, signal?: AbortSignal): Promise<Pipeline> {
    return await this.#transport.pipeline(path, signal);
  }

  /** Ends kept connections, so that the process can end. */
  close(): void {
    this.#transport.close();
  }

  async #json<T>(path: string, details: RequestDetails, signal?: AbortSignal): Promise<T> {
    const text = await this.#transport.text(path, details, signal);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new KubeError(0, '', `${this.server.host} answered something that is no JSON: ${text.slice(0, 100)}`, { cause });
    }
  }
}

/** Opens the connection that the flags, the kubeconfig and the environment tell. @throws MigrateError (usage) */
export async function openConnection(flags: ConnectionFlags, onExchange?: OnExchange): Promise<KubeConnection> {
  const context = resolveContext(flags, process.env) ?? inCluster(flags, process.env);
  return connectionTo(context, flags.requestTimeoutMs ?? scaled(defaultDeadlineMs), { onExchange });
}

/** Opens a connection with the current context of a kubeconfig out of a cluster; `name` is for messages. @throws MigrateError, see {@link contextOfText} */
export async function connectionFromKubeconfig(yaml: string, name: string, way: Way = {}): Promise<KubeConnection> {
  return connectionTo(contextOfText(yaml, name), scaled(defaultDeadlineMs), way);
}

interface Way {
  /** The way to a server that cannot be reached from here. */
  readonly dial?: Dialer | undefined;
  readonly onExchange?: OnExchange | undefined;
}

function connectionTo(context: ResolvedContext, deadlineMs: number, { dial, onExchange }: Way): KubeConnection {
  const { cluster } = context;
  const given = String(cluster['server']);
  // As client-go: a server without a scheme is spoken to by TLS only when something is known for TLS.
  const isSecure = Object.keys(cluster).some(
    (key) => /^(certificate-authority|insecure-skip-tls-verify|tls-server-name)/.test(key) && cluster[key],
  );
  const server = given.includes('://') ? given : `${isSecure ? 'https' : 'http'}://${given}`;
  if (!URL.canParse(server)) throw new MigrateError('usage', `error: the server "${given}" of ${context.name} is no address`);
  const resolved = { ...context, cluster: { ...cluster, server } };
  const transport = new Transport({ server: new URL(server), identify: identifier(resolved), deadlineMs, dial, onExchange });
  return new KubeConnection(context.name, context.namespace, transport, onExchange);
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
    cluster: { 'server': `https://${host.includes(':') ? `[${host}]` : host}:${port}`, 'certificate-authority': `${folder}/ca.crt` },
    user: { tokenFile: `${folder}/token` },
  };
}
