import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { loadAll } from 'js-yaml';
import { MigrateError } from '../errors.ts';
import { clusterFlags, userFlags, type ConnectionFlags } from './connection-flags.ts';

export type { ConnectionFlags } from './connection-flags.ts';

/** A part of a kubeconfig, with the names that it has in the file. */
export type Fields = Record<string, unknown>;

type Document = Readonly<Record<string, unknown>>;

interface Named {
  readonly name: string;
  readonly [kind: string]: unknown;
}

/** One context's worth of a kubeconfig. */
export interface ResolvedContext {
  /** The context's name, for messages. */
  readonly name: string;
  readonly namespace: string;
  readonly cluster: Fields;
  readonly user: Fields;
}

/**
 * Reads kubeconfig files as kubectl does: a list of files, of which missing ones are skipped and the first to name a
 * thing wins; relative paths count from the file that holds them; flags win over files.
 *
 * @returns undefined when neither a file nor a flag names a server (inside a cluster, perhaps)
 * @throws MigrateError (usage) for an unknown context, cluster or user, and for a file that is no kubeconfig
 */
export function resolveContext(flags: ConnectionFlags, env: NodeJS.ProcessEnv): ResolvedContext | undefined {
  const context = contextOf(documentsOf(flags, env), flags);
  return context.cluster['server'] === undefined ? undefined : context;
}

/** Everything of one kind that the files name, the first of each name. @throws MigrateError (usage) for a file that is no kubeconfig */
export function kubeconfigEntries(
  list: 'contexts' | 'clusters' | 'users',
  flags: ConnectionFlags,
  env: NodeJS.ProcessEnv,
): { name: string; fields: Fields }[] {
  const entries = documentsOf(flags, env).flatMap((document) => (document[list] ?? []) as Named[]);
  const first = new Map(entries.toReversed().map((entry) => [entry.name, entry]));
  return [...first.values()]
    .toReversed()
    .map(({ name, ...kinds }) => ({ name, fields: { ...(kinds[list.slice(0, -1)] as Fields | null | undefined) } }));
}

/** Fields that hold what they mean; every other one can make us run or read something. */
const plainFields = {
  cluster: ['server', 'certificate-authority-data', 'tls-server-name', 'proxy-url', 'disable-compression', 'extensions'],
  user: ['client-certificate-data', 'client-key-data', 'token', 'extensions'],
} as const;

/**
 * The current context of a kubeconfig that came out of a cluster; `name` is for messages. Whoever may write there must not thereby
 * run a program on the user's machine, or have its files sent to a server: the kubeconfig holds all it needs, or is refused.
 *
 * @throws MigrateError (usage) when it is no kubeconfig, (refused) naming the fields that it must not have
 */
export function contextOfText(yaml: string, name: string): ResolvedContext {
  const context = contextOf([readDocument(yaml, `the kubeconfig of ${name}`)], {});
  if (context.cluster['server'] === undefined) throw new MigrateError('usage', `error: the kubeconfig of ${name} names no server`);
  const refused = (['cluster', 'user'] as const).flatMap((part) => {
    const plain: readonly string[] = plainFields[part];
    const set = Object.entries(context[part]).filter(([, value]) => value !== undefined && value !== null);
    return set.filter(([key]) => !plain.includes(key)).map(([key]) => `${part}.${key}`);
  });
  if (refused.length > 0) {
    const hint =
      'a kubeconfig in a cluster may hold certificates and keys as data, or a token; for it no program is run here and no file is read';
    throw new MigrateError('refused', `error: the kubeconfig of ${name} comes out of a cluster and has ${refused.join(', ')}`, { hint });
  }
  return { ...context, name };
}

function contextOf(documents: readonly Document[], flags: ConnectionFlags): ResolvedContext {
  const entries = (list: string): Named[] => documents.flatMap((document) => (document[list] ?? []) as Named[]);
  const pick = (list: string, kind: string, name: string): Fields => {
    const found = entries(list).find((one) => one.name === name);
    if (found) return { ...(found[kind] as Fields | null | undefined) };
    throw new MigrateError('usage', `error: ${kind} "${name}" does not exist`, { hint: known(entries(list), kind) });
  };
  const current = documents.map((document) => document['current-context']).find((one) => typeof one === 'string' && one !== '');
  const name = flags.context ?? (current as string | undefined) ?? '';
  const context = name === '' ? {} : pick('contexts', 'context', name);
  const clusterName = flags.cluster ?? (context['cluster'] as string | undefined) ?? '';
  const userName = flags.user ?? (context['user'] as string | undefined) ?? '';
  const cluster = clusterName === '' ? {} : pick('clusters', 'cluster', clusterName);
  const user = userName === '' ? {} : pick('users', 'user', userName);
  return {
    name: name || clusterName || (flags.server ?? ''),
    namespace: flags.namespace || (context['namespace'] as string | undefined) || 'default',
    cluster: { ...cluster, ...clusterFlags(flags) },
    user: { ...user, ...userFlags(flags) },
  };
}

function documentsOf(flags: ConnectionFlags, env: NodeJS.ProcessEnv): Document[] {
  return kubeconfigFiles(flags, env)
    .filter((file) => existsSync(file))
    .map((file) => readDocument(readFileSync(file, 'utf8'), `config file "${file}"`, dirname(resolve(file))));
}

function kubeconfigFiles(flags: ConnectionFlags, env: NodeJS.ProcessEnv): string[] {
  if (flags.kubeconfig !== undefined && flags.kubeconfig !== '') {
    if (!existsSync(flags.kubeconfig)) throw new MigrateError('usage', `error: stat ${flags.kubeconfig}: no such file or directory`);
    return [flags.kubeconfig];
  }
  const list = (env['KUBECONFIG'] ?? '').split(delimiter).filter(Boolean);
  return list.length > 0 ? list : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
}

/** @param folder what relative paths in it count from */
function readDocument(text: string, what: string, folder?: string): Document {
  let document: unknown;
  try {
    // An empty file is an empty kubeconfig: no document at all, which `load` would call an error.
    [document = {}] = loadAll(text);
  } catch (cause) {
    throw new MigrateError('usage', `error: error loading ${what}: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new MigrateError('usage', `error: error loading ${what}: it is no kubeconfig`);
  }
  const fields = document as Record<string, unknown>;
  for (const list of ['clusters', 'users', 'contexts']) {
    if (fields[list] !== undefined && fields[list] !== null && !Array.isArray(fields[list])) {
      throw new MigrateError('usage', `error: error loading ${what}: ${list} is no list`);
    }
  }
  if (folder !== undefined) resolvePaths(fields, folder);
  return fields;
}

function resolvePaths(fields: Document, folder: string): void {
  for (const { cluster } of (fields['clusters'] ?? []) as Named[])
    absolute(cluster as Fields | undefined, ['certificate-authority'], folder);
  for (const { user } of (fields['users'] ?? []) as Named[]) {
    absolute(user as Fields | undefined, ['client-certificate', 'client-key', 'tokenFile'], folder);
    const exec = (user as Fields | undefined)?.['exec'] as Fields | undefined;
    // As client-go: a command with a path separator counts from the file, a bare one is looked up in PATH.
    if (typeof exec?.['command'] === 'string' && /[\\/]/.test(exec['command'])) absolute(exec, ['command'], folder);
  }
}

function absolute(fields: Fields | undefined, keys: readonly string[], folder: string): void {
  for (const key of keys) {
    const value = fields?.[key];
    if (fields && typeof value === 'string' && value !== '' && !isAbsolute(value)) fields[key] = resolve(folder, value);
  }
}

function known(entries: readonly Named[], kind: string): string {
  return entries.length === 0 ? `there is no ${kind} in your kubeconfig` : `there are: ${entries.map(({ name }) => name).join(', ')}`;
}
