import { connectionFlags, ownFlags, type Flag } from './flags.ts';

/** What `kubectl migrate --help` prints, in the layout of kubectl's own help. */
export function helpText(): string {
  return `Move a running pod, with everything it holds in memory, to a peered cluster.

 The pod keeps its name, its specification and its processes, and stands still for a moment only. The clusters must be peered by Liqo, and the pod's namespace offloaded. Nothing is installed in either cluster: two helper pods live for the length of the migration.

 Whatever fails before the pod runs at the peer is taken back, and the pod runs on where it was. Ctrl-C does the same.

Examples:
  # Move the pod web-0 to the peered cluster milan
  kubectl migrate web-0 --to milan

  # Show what would be carried, what would be lost and what is in the way; touch nothing
  kubectl migrate web-0 --to milan --dry-run=client

  # Move a pod of the namespace shop, and keep the figures
  kubectl migrate pod/web-0 -n shop --to milan -o json > moved.json

Options:
${ownFlags.map(described).join('\n\n')}

Usage:
  kubectl migrate POD --to CLUSTER [options]

Exit codes: 0 moved, 1 failed and taken back, 2 wrong usage, 3 refused before anything was touched, 4 failed and a person has to look, 130 interrupted and taken back.

These global command-line options of kubectl are understood too (see "kubectl options"):
${wrapped(connectionFlags.map(nameOf).toSorted())}
`;
}

function described(flag: Flag): string {
  return `    ${flag.short ? `-${flag.short}, ` : ''}--${flag.name}${flag.shown}:\n\t${flag.text}`;
}

function nameOf({ name, short }: Flag): string {
  return short ? `--${name} (-${short})` : `--${name}`;
}

function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + name.length < 78) lines[lines.length - 1] = `${line}, ${name}`;
    else lines.push(`  ${name}`);
  }
  return lines.join(',\n');
}
