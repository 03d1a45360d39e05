import type { ConnectionFlags } from '../kube/connection-flags.ts';
import type { Refuse } from './command.ts';
import type { CommandLine } from './command-line.ts';
import { milliseconds } from './duration.ts';

/** The connection flags out of a command line. Those that were not given, or given empty, are not there. */
export function connectionOf({ given, last, refuse }: Pick<CommandLine, 'given' | 'last' | 'refuse'>): ConnectionFlags {
  const timeout = last('request-timeout');
  const fields: { [Name in keyof ConnectionFlags]-?: ConnectionFlags[Name] | undefined } = {
    kubeconfig: last('kubeconfig'),
    context: last('context'),
    cluster: last('cluster'),
    user: last('user'),
    namespace: last('namespace'),
    server: last('server'),
    token: last('token'),
    username: last('username'),
    password: last('password'),
    as: last('as'),
    asUid: last('as-uid'),
    asGroup: listOf(given('as-group')),
    asUserExtra: extraOf(given('as-user-extra'), refuse),
    clientCertificate: last('client-certificate'),
    clientKey: last('client-key'),
    certificateAuthority: last('certificate-authority'),
    tlsServerName: last('tls-server-name'),
    insecureSkipTlsVerify: truth('insecure-skip-tls-verify', last('insecure-skip-tls-verify'), refuse),
    requestTimeoutMs: timeout === undefined ? undefined : timeoutMs(timeout, refuse),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function listOf(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values;
}

/** `--as-user-extra key=one --as-user-extra key=two`: one key may have several values. */
function extraOf(pairs: readonly string[], refuse: Refuse): Record<string, string[]> | undefined {
  const extra: Record<string, string[]> = {};
  for (const pair of pairs) {
    const [, key, value] =
      /^([^=]+)=(.*)$/s.exec(pair) ??
      refuse(`invalid argument "${pair}" for "--as-user-extra" flag: ${pair} must be formatted as key=value`);
    (extra[key ?? ''] ??= []).push(value ?? '');
  }
  return pairs.length === 0 ? undefined : extra;
}

/** A flag that is true or false; undefined when it was not given. */
export function truth(name: string, value: string | undefined, refuse: Refuse): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(1|t|true)$/i.test(value)) return true;
  return /^(0|f|false)$/i.test(value) ? false : refuse(`invalid argument "${value}" for "--${name}" flag: it must be true or false`);
}

function timeoutMs(text: string, refuse: Refuse): number {
  return (
    milliseconds(text) ??
    refuse(
      'Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)',
    )
  );
}
