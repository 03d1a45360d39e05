import type { ConnectionFlags } from '../kube/connection-flags.ts';
import { agentImage } from './agent-image.ts';
import { closest } from '../closest.ts';
import { closestCommand, type CommandLine, type Refuse } from './command-line.ts';
import { connectionOf, truth } from './connection-arguments.ts';
import { outputOf, type Output } from './output/output.ts';
import { verbosityOf } from './verbosity.ts';
import { timelineFile, type TimelineFile } from './timeline/timeline-file.ts';

const dryRuns = ['none', 'server', 'client'] as const;

/** What is done instead of a migration: nothing but reading, or sending every write for the servers to judge alone. */
export type DryRun = (typeof dryRuns)[number];

/** `kubectl migrate POD --to CLUSTER`, understood. */
export interface MigrateArguments {
  readonly pod: string;
  readonly to: string;
  readonly dryRun: DryRun;
  readonly output: Output;
  /** Whether standard output gets the events instead of the result. */
  readonly isEvents: boolean;
  readonly timeline: TimelineFile | undefined;
  readonly agentImage: string;
  readonly verbosity: number;
  readonly connection: ConnectionFlags;
}

/** @throws MigrateError (usage), worded as kubectl words it */
export function migrateArguments(line: CommandLine): MigrateArguments {
  const { words, last, refuse } = line;
  const pod = podName(words, refuse);
  const command = words.length === 1 ? closestCommand(pod) : undefined;
  const to = last('to') ?? refuse('the cluster to move the pod to is required: --to CLUSTER', command && `Did you mean 'kubectl migrate ${command}'?`);
  requireOneUse(line);
  const timeline = last('timeline');
  return Object.freeze({
    pod,
    to,
    dryRun: dryRunOf(last('dry-run'), refuse),
    output: outputOf(last('output'), refuse),
    isEvents: truth('events', last('events'), refuse) ?? false,
    timeline: timeline === undefined ? undefined : timelineFile(timeline, refuse),
    agentImage: last('agent-image') ?? agentImage,
    verbosity: verbosityOf(line),
    connection: connectionOf(line),
  });
}

/** Standard output has room for one thing, and a dry run has nothing to tell while it goes on. */
function requireOneUse({ last, refuse }: CommandLine): void {
  const isDry = (last('dry-run') ?? 'none') !== 'none';
  if (last('events') === 'true' && last('output') !== undefined) refuse('--events and --output cannot be used together: the last event has the report');
  if (last('events') === 'true' && isDry) refuse('--events and --dry-run cannot be used together');
  if (last('timeline') !== undefined && isDry) refuse('--timeline and --dry-run cannot be used together');
}

/** `web-0`, `pod/web-0`, `pods/web-0`, or the two words `pod web-0`. */
function podName(words: readonly string[], refuse: Refuse): string {
  if (words.length === 0) return refuse('a pod is required: kubectl migrate POD --to CLUSTER');
  const isPair = words.length === 2 && isPodKind(words[0]);
  if (words.length > 1 && !isPair) return refuse(`one pod at a time can be moved, not ${words.length}: ${words.join(' ')}`);
  const [name = '', kind = 'pod', ...more] = isPair ? [words[1]] : (words[0] ?? '').split('/').toReversed();
  if (!isPodKind(kind)) return refuse(`only pods can be moved, not "${words[0]}"`);
  if (more.length > 0 || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) return refuse(`"${words.join(' ')}" is not the name of a pod`);
  return name;
}

export function isPodKind(word: string | undefined): boolean {
  return ['pod', 'pods', 'po'].includes(word?.toLowerCase() ?? '');
}

function dryRunOf(value: string | undefined, refuse: Refuse): DryRun {
  if (value === undefined) return 'none';
  const meant = closest(value, dryRuns);
  return dryRuns.find((one) => one === value) ?? refuse(`Invalid dry-run value (${value}). Must be "none", "server", or "client".`, meant && `Did you mean ${meant}?`);
}
