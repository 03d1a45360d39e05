/** kubectl's connection flags, as given. */
export interface ConnectionFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
  readonly server?: string;
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  readonly as?: string;
  readonly asUid?: string;
  readonly asGroup?: readonly string[];
  readonly asUserExtra?: Readonly<Record<string, readonly string[]>>;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly certificateAuthority?: string;
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** Milliseconds; 0 for none. */
  readonly requestTimeoutMs?: number;
}

/**
 * What the flags put over a kubeconfig's cluster. As in client-go, a flag that names a file also takes away the data
 * that the kubeconfig has in its place, and --server takes away a TLS name that was meant for another server.
 */
export function clusterFlags(flags: ConnectionFlags): Record<string, unknown> {
  const isCaReplaced = flags.certificateAuthority !== undefined || flags.insecureSkipTlsVerify === true;
  return {
    ...given({ 'server': flags.server, 'insecure-skip-tls-verify': flags.insecureSkipTlsVerify }),
    ...(isCaReplaced ? { 'certificate-authority': flags.certificateAuthority, 'certificate-authority-data': undefined } : {}),
    ...(flags.server !== undefined || flags.tlsServerName !== undefined ? { 'tls-server-name': flags.tlsServerName } : {}),
  };
}

/** What the flags put over a kubeconfig's user. */
export function userFlags(flags: ConnectionFlags): Record<string, unknown> {
  // A token or a password on the command line is the credential: no plugin is asked for another.
  const isReplaced = flags.token !== undefined || flags.username !== undefined;
  return {
    ...given({
      'username': flags.username,
      'password': flags.password,
      'as': flags.as,
      'as-uid': flags.asUid,
      'as-groups': flags.asGroup,
      'as-user-extra': flags.asUserExtra,
    }),
    ...(isReplaced ? { 'token': flags.token, 'tokenFile': undefined, 'exec': undefined, 'auth-provider': undefined } : {}),
    ...(flags.clientCertificate === undefined
      ? {}
      : { 'client-certificate': flags.clientCertificate, 'client-certificate-data': undefined }),
    ...(flags.clientKey === undefined ? {} : { 'client-key': flags.clientKey, 'client-key-data': undefined }),
  };
}

function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
