import { agentImage } from './agent-image.ts';

/** How a flag is read: with a value, with or without one (`optional`: which is meant by none), or several times. */
export type FlagKind = 'string' | 'list' | { readonly optional: string };

export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  /** As kubectl's help shows it after the name. */
  readonly shown: string;
  readonly text: string;
}

/** Flags of our own. */
export const ownFlags: readonly Flag[] = [
  { name: 'agent-image', kind: 'string', shown: `='${agentImage}'`, text: 'The image of the two helper pods. Both clusters must be able to pull it.' },
  {
    name: 'dry-run',
    kind: { optional: 'client' },
    shown: "='none'",
    text: 'Must be "none" or "client". If client strategy, only print what would be carried, what would be lost and what is in the way, and touch nothing.',
  },
  { name: 'namespace', short: 'n', kind: 'string', shown: "=''", text: 'If present, the namespace scope for this CLI request' },
  { name: 'output', short: 'o', kind: 'string', shown: "=''", text: 'Output format. One of: (json). It prints one object with all figures.' },
  { name: 'to', kind: 'string', shown: "=''", text: 'The peered cluster to move the pod to: the name of its virtual node, or its Liqo cluster ID. Required.' },
  { name: 'version', kind: { optional: 'true' }, shown: '=false', text: 'Print the version of the plugin, and nothing else.' },
];

/** kubectl's connection flags, with the meaning that they have there. */
export const connectionFlags: readonly Flag[] = [
  ...['as', 'as-uid', 'certificate-authority', 'client-certificate', 'client-key', 'cluster', 'context', 'kubeconfig'].map(valued),
  ...['password', 'request-timeout', 'tls-server-name', 'token', 'user', 'username'].map(valued),
  { ...valued('server'), short: 's' },
  ...['as-group', 'as-user-extra'].map((name) => ({ ...valued(name), kind: 'list' as const })),
  { ...valued('insecure-skip-tls-verify'), kind: { optional: 'true' } },
  // Nothing is cached or compressed here, so there is nothing to do for these two.
  valued('cache-dir'),
  { ...valued('disable-compression'), kind: { optional: 'true' } },
];

/** `-h` is not listed, as in kubectl. */
const helpFlag: Flag = { name: 'help', short: 'h', kind: { optional: 'true' }, shown: '=false', text: '' };

export const allFlags: readonly Flag[] = [...ownFlags, ...connectionFlags, helpFlag];

function valued(name: string): Flag {
  return { name, kind: 'string', shown: "=''", text: '' };
}
