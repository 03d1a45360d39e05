import { readFileSync } from 'node:fs';
import { Agent, type AgentOptions, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { proxyOf } from './environment-proxy.ts';
import { impersonationHeaders } from './impersonation.ts';
import type { Fields, ResolvedContext } from './kubeconfig.ts';

/** Keys and certificates of one connection. */
export type TlsMaterial = Pick<AgentOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'>;

/** As whom, and how, a request is made. */
export interface Identity {
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: TlsMaterial;
  /** The way through a proxy, when there is one. */
  readonly proxy: Agent | undefined;
}

/** Finds out the identity of a context's user. `afresh` after the server refused what came before. */
export type Identify = (afresh?: boolean) => Promise<Identity>;

/**
 * client-node knows all ways to get credentials (files, plugins, OIDC), and this is all that it does for us. Tokens and
 * certificates are looked at again for every request, so those that rotate are followed.
 */
export function identifier(context: ResolvedContext): Identify {
  let config: Promise<KubeConfig> | undefined;
  let running: Promise<Identity> | undefined;
  return async (afresh = false) => {
    if (afresh) config = undefined;
    config ??= libraryConfig(context);
    // One at a time: a plugin must not be run, or ask its user, twice at once.
    running ??= identity(context, config).finally(() => (running = undefined));
    return await running;
  };
}

async function identity({ user }: ResolvedContext, pending: Promise<KubeConfig>): Promise<Identity> {
  const options: RequestOptions = {};
  await (await pending).applyToHTTPSOptions(options).catch((cause: Error) => {
    throw credentialError(user, cause);
  });
  const headers: Record<string, string | string[]> = { ...(options.headers as Record<string, string>), ...impersonationHeaders(user) };
  if (typeof user['tokenFile'] === 'string') headers['Authorization'] = `Bearer ${readFileSync(user['tokenFile'], 'utf8').trim()}`;
  else if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const tls = Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined);
  // An agent of another class is one of the library's that know the way through a proxy.
  const proxy = options.agent instanceof Agent && options.agent.constructor !== Agent ? options.agent : undefined;
  return { headers, tls: Object.fromEntries(tls) as TlsMaterial, proxy };
}

async function libraryConfig({ cluster, user }: ResolvedContext): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const server = String(cluster['server']);
  const proxy = cluster['proxy-url'] ?? proxyOf(server, process.env);
  // Data wins over a file, as in client-go; the library does it the other way round.
  const known = {
    ...withoutFiles(cluster, ['certificate-authority']),
    server,
    'proxy-url': proxy,
    // The library refuses plain HTTP (kubectl proxy) unless told this.
    ...(server.startsWith('http:') ? { 'insecure-skip-tls-verify': true } : {}),
  };
  // JSON is YAML. The library ignores the cluster's CA when the context has no user, so there always is one.
  config.loadFromString(
    JSON.stringify({
      'clusters': [{ name: 'c', cluster: known }],
      'users': [{ name: 'u', user: { ...withoutFiles(user, ['client-certificate', 'client-key']), exec: pluginOf(user, cluster) } }],
      'contexts': [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  return config;
}

function withoutFiles(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name) || !fields[`${name}-data`]));
}

/** The plugin with the environment that client-go gives it; the library leaves it out. */
function pluginOf(user: Fields, cluster: Fields): Fields | undefined {
  const exec = user['exec'] as (Fields & { env?: unknown[] | null; apiVersion?: string; provideClusterInfo?: boolean }) | null | undefined;
  if (!exec) return undefined;
  const clusterInfo = {
    'server': cluster['server'],
    'tls-server-name': cluster['tls-server-name'],
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'],
    'certificate-authority-data': cluster['certificate-authority-data'] ?? fileAsData(cluster['certificate-authority']),
    'proxy-url': cluster['proxy-url'],
  };
  const spec = { interactive: false, ...(exec.provideClusterInfo ? { cluster: clusterInfo } : {}) };
  const info = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec };
  return { ...exec, env: [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }] };
}

function fileAsData(file: unknown): string | undefined {
  return typeof file === 'string' ? readFileSync(file).toString('base64') : undefined;
}

function credentialError(user: Fields, cause: Error): Error {
  const exec = user['exec'] as { command?: string; installHint?: string } | undefined;
  if (!exec) return new Error(`getting credentials: ${cause.message}`, { cause });
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const reason = isMissing
    ? `executable ${exec.command} not found${exec.installHint ? `\n\n${exec.installHint}` : ''}`
    : cause.message.trim();
  return new Error(`getting credentials: exec: ${reason}`, { cause });
}
