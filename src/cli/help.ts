import { agentImage } from './agent-image.ts';
import { connectionFlags } from './flags.ts';

const own: Readonly<Record<string, string>> = {
  '--to=': 'The peered cluster to move the pod to: the name of its virtual node, or its Liqo cluster ID.',
  "-n, --namespace=": 'The namespace of the pod.',
  '--dry-run=none': 'Must be "none" or "client". With client, only print what would be done.',
  "-o, --output=": 'Output format: json prints one object with all figures.',
  [`--agent-image='${agentImage}'`]: 'The image of the two helper pods.',
  '--version': 'Print the version and exit.',
};

/** What `kubectl migrate --help` prints, in kubectl's own layout. */
export function helpText(): string {
  return `Move a running pod, with everything it holds in memory, to a cluster that is peered by Liqo.

 The pod keeps its name, its specification and its processes; it stands still for about half a second. Nothing is
installed in either cluster: two helper pods live for the length of a migration. Whatever fails is taken back, and the
pod runs on where it was.

Examples:
  # Move the pod web-0 to the peered cluster milan
  kubectl migrate web-0 --to milan

  # See what would be carried, what would be lost and what is in the way
  kubectl migrate web-0 --to milan --dry-run=client

  # Move a pod from a script, and keep the figures
  kubectl migrate pod/web-0 -n shop --to milan -o json > moved.json

Options:
${Object.entries(own).map(option).join('\n\n')}

Usage:
  kubectl migrate POD --to CLUSTER [options]

Connection options, as in kubectl:
${Object.entries(connectionFlags)
  .map(([name, [, text]]) => `    --${name}: ${text}`)
  .join('\n')}
`;
}

function option([flag, text]: readonly [string, string]): string {
  return `    ${flag}:\n\t${text}`;
}
