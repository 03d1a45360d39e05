import yargs from 'yargs';
import { MigrateError } from '../errors.ts';
import type { ConnectionFlags } from '../kube/kubeconfig.ts';
import { agentImage } from './agent-image.ts';

/** The command line, understood. */
export interface Arguments {
  readonly help: boolean;
  readonly pod: string;
  readonly to: string;
  readonly isDryRun: boolean;
  readonly output: 'text' | 'json';
  readonly agentImage: string;
  readonly connection: ConnectionFlags;
}

/** kubectl's connection flags: name, kind, and what kubectl's help says of them. */
export const connectionFlags: Readonly<Record<string, readonly ['string' | 'boolean' | 'list', string]>> = {
  kubeconfig: ['string', 'Path to the kubeconfig file to use for CLI requests.'],
  context: ['string', 'The name of the kubeconfig context to use'],
  cluster: ['string', 'The name of the kubeconfig cluster to use'],
  user: ['string', 'The name of the kubeconfig user to use'],
  server: ['string', 'The address and port of the Kubernetes API server'],
  token: ['string', 'Bearer token for authentication to the API server'],
  username: ['string', 'Username for basic authentication to the API server'],
  password: ['string', 'Password for basic authentication to the API server'],
  as: ['string', 'Username to impersonate for the operation.'],
  'as-uid': ['string', 'UID to impersonate for the operation.'],
  'as-group': ['list', 'Group to impersonate for the operation, this flag can be repeated to specify multiple groups.'],
  'client-certificate': ['string', 'Path to a client certificate file for TLS'],
  'client-key': ['string', 'Path to a client key file for TLS'],
  'certificate-authority': ['string', 'Path to a cert file for the certificate authority'],
  'tls-server-name': ['string', 'Server name to use for server certificate validation.'],
  'insecure-skip-tls-verify': ['boolean', "If true, the server's certificate will not be checked for validity."],
  'request-timeout': ['string', 'The length of time to wait before giving up on a single server request, e.g. 1s, 2m, 3h; 0 means never.'],
};

/**
 * Understands a command line.
 *
 * @throws MigrateError (usage), worded as kubectl words it
 */
export async function parseArguments(words: readonly string[]): Promise<Arguments> {
  const fail = (message: string): never => {
    throw new MigrateError('usage', `error: ${message}`, { hint: "See 'kubectl migrate --help' for usage." });
  };
  let parser = yargs()
    .scriptName('kubectl migrate')
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .strictOptions()
    .parserConfiguration({ 'greedy-arrays': false, 'duplicate-arguments-array': false, 'boolean-negation': false, 'camel-case-expansion': false })
    .fail((message, error) => fail((message ?? error?.message ?? '').replace('Unknown argument:', 'unknown flag:').replace('Unknown arguments:', 'unknown flags:')))
    .option('help', { alias: 'h', type: 'boolean' })
    .option('to', { type: 'string' })
    .option('namespace', { alias: 'n', type: 'string' })
    .option('dry-run', { type: 'string' })
    .option('output', { alias: 'o', type: 'string' })
    .option('agent-image', { type: 'string', default: agentImage });
  for (const [name, [kind]] of Object.entries(connectionFlags)) {
    parser = parser.option(name, kind === 'list' ? { type: 'string', array: true } : { type: kind, ...(name === 'server' ? { alias: 's' } : {}) });
  }
  const found = (await parser.parseAsync([...words])) as Record<string, unknown> & { _: (string | number)[] };
  const text = (name: string): string | undefined => (typeof found[name] === 'string' && found[name] !== '' ? found[name] : undefined);
  const help = found['help'] === true;
  const base = { help, agentImage: text('agent-image') ?? agentImage, connection: connectionOf(found, text, fail) };
  if (help) return { ...base, pod: '', to: '', isDryRun: false, output: 'text' };
  const names = found._.map(String);
  if (names.length !== 1) fail(names.length === 0 ? 'a pod to move is required' : `one pod at a time, not ${names.length} (${names.join(' ')})`);
  const to = text('to') ?? fail('the cluster to move it to is required: --to CLUSTER');
  return { ...base, pod: podName(names[0] ?? '', fail), to, isDryRun: isDryRun(found['dry-run'], fail), output: outputOf(text('output'), fail) };
}

type Fail = (message: string) => never;

function podName(word: string, fail: Fail): string {
  const [kind, name, ...more] = word.includes('/') ? word.split('/') : ['pod', word];
  if (kind !== 'pod' && kind !== 'pods' && kind !== 'po') fail(`only pods can be moved, not ${kind}`);
  if (!name || more.length > 0 || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) fail(`"${word}" is no name of a pod`);
  return name ?? '';
}

function isDryRun(value: unknown, fail: Fail): boolean {
  if (value === undefined || value === 'none') return false;
  if (value === '' || value === 'client') return true;
  return fail(`Invalid dry-run value (${String(value)}). Must be "none" or "client".`);
}

function outputOf(value: string | undefined, fail: Fail): 'text' | 'json' {
  if (value === undefined) return 'text';
  if (value === 'json') return 'json';
  return fail(`unable to match a printer suitable for the output format "${value}", allowed formats are: json`);
}

function connectionOf(found: Readonly<Record<string, unknown>>, text: (name: string) => string | undefined, fail: Fail): ConnectionFlags {
  const timeout = text('request-timeout');
  const fields = {
    namespace: text('namespace'),
    kubeconfig: text('kubeconfig'),
    context: text('context'),
    cluster: text('cluster'),
    user: text('user'),
    server: text('server'),
    token: text('token'),
    username: text('username'),
    password: text('password'),
    as: text('as'),
    asUid: text('as-uid'),
    asGroup: Array.isArray(found['as-group']) ? found['as-group'].map(String) : undefined,
    clientCertificate: text('client-certificate'),
    clientKey: text('client-key'),
    certificateAuthority: text('certificate-authority'),
    tlsServerName: text('tls-server-name'),
    insecureSkipTlsVerify: found['insecure-skip-tls-verify'] === true ? true : undefined,
    requestTimeoutMs: timeout === undefined ? undefined : milliseconds(timeout, fail),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function milliseconds(text: string, fail: Fail): number {
  const [, number, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? fail(`Invalid timeout value "${text}". Timeout must be a single integer in seconds, or an integer followed by a time unit`);
  return Number(number) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit] ?? 1000);
}
