/**
 * How a flag is read: with a value, as true or false, several times, or with or without a value (`optional`: which is
 * meant by none).
 */
export type FlagKind = 'string' | 'number' | 'boolean' | 'list' | { readonly optional: string };

export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  /** What is meant when it is not given. */
  readonly default: string;
  /** What it means, in sentences. */
  readonly text: string;
  /** The values that it may have, where they can be counted. One that ends with `=` is the beginning of a value. */
  readonly values?: readonly string[];
}

/** The word that one of these flags is given without a value stands for; undefined when it needs one. */
export function valueOfNone({ kind }: Flag): string | undefined {
  if (kind === 'boolean') return 'true';
  return typeof kind === 'object' ? kind.optional : undefined;
}

/** As kubectl's help shows a flag: `-n, --namespace=''`. */
export function shownFlag({ name, short, kind, default: value }: Flag): string {
  const isQuoted = kind === 'string' || typeof kind === 'object';
  return `${short ? `-${short}, ` : ''}--${name}=${isQuoted ? `'${value}'` : value}`;
}

export const namespaceFlag: Flag = { ...valued('namespace', 'If present, the namespace scope for this CLI request'), short: 'n' };

/** kubectl's connection flags, which every command understands, with the meaning and the words that they have there. */
export const connectionFlags: readonly Flag[] = [
  valued('as', 'Username to impersonate for the operation. User could be a regular user or a service account in a namespace.'),
  {
    ...valued('as-group', 'Group to impersonate for the operation, this flag can be repeated to specify multiple groups.'),
    kind: 'list',
    default: '[]',
  },
  valued('as-uid', 'UID to impersonate for the operation.'),
  {
    ...valued(
      'as-user-extra',
      'User extras to impersonate for the operation, this flag can be repeated to specify multiple values for the same key.',
    ),
    kind: 'list',
    default: '[]',
  },
  valued('cache-dir', 'Understood for the sake of kubectl. Nothing is cached here.'),
  valued('certificate-authority', 'Path to a cert file for the certificate authority'),
  valued('client-certificate', 'Path to a client certificate file for TLS'),
  valued('client-key', 'Path to a client key file for TLS'),
  valued('cluster', 'The name of the kubeconfig cluster to use'),
  valued('context', 'The name of the kubeconfig context to use'),
  {
    ...valued('disable-compression', 'Understood for the sake of kubectl. No answer is asked for in compressed form here.'),
    kind: 'boolean',
    default: 'false',
  },
  {
    ...valued(
      'insecure-skip-tls-verify',
      "If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure",
    ),
    kind: 'boolean',
    default: 'false',
  },
  valued('kubeconfig', 'Path to the kubeconfig file to use for CLI requests.'),
  namespaceFlag,
  valued('password', 'Password for basic authentication to the API server'),
  {
    ...valued(
      'request-timeout',
      "The length of time to wait before giving up on a single server request. Non-zero values should contain a corresponding time unit (e.g. 1s, 2m, 3h). A value of zero means don't timeout requests.",
    ),
    default: '30s',
  },
  { ...valued('server', 'The address and port of the Kubernetes API server'), short: 's' },
  valued(
    'tls-server-name',
    'Server name to use for server certificate validation. If it is not provided, the hostname used to contact the server is used',
  ),
  valued('token', 'Bearer token for authentication to the API server'),
  valued('user', 'The name of the kubeconfig user to use'),
  valued('username', 'Username for basic authentication to the API server'),
];

/** As kubectl's; every command understands it. */
export const verbosityFlag: Flag = {
  name: 'v',
  short: 'v',
  kind: 'number',
  default: '0',
  text: 'number for the log level verbosity: from 2 on what the migration logs, from 6 on also every request to an API server, on standard error',
};

/** Not listed in a help, as in kubectl. */
export const helpFlag: Flag = {
  name: 'help',
  short: 'h',
  kind: 'boolean',
  default: 'false',
  text: 'Print the help of a command, and do nothing else.',
};

function valued(name: string, text: string): Flag {
  return { name, kind: 'string', default: '', text };
}
