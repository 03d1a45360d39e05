import type { ConnectionFlags } from '../kube/connection-flags.ts';
import type { Wanted } from '../migration/select.ts';
import { agentImage } from './agent-image.ts';
import { didYouMean } from '../did-you-mean.ts';
import type { Refuse } from './command.ts';
import { closestCommand, type CommandLine } from './command-line.ts';
import { connectionOf, truth } from './connection-arguments.ts';
import { milliseconds } from './duration.ts';
import { outputOf, type Output } from './output/output.ts';
import { verbosityOf } from './verbosity.ts';
import { wantedOf } from './wanted.ts';
import { timelineFile, type TimelineFile } from './timeline/timeline-file.ts';

const dryRuns = ['none', 'server', 'client'] as const;

/** What is done instead of a migration: nothing but reading, or sending every write for the servers to judge alone. */
export type DryRun = (typeof dryRuns)[number];

/** `kubectl migrate POD --to CLUSTER`, understood. */
export interface MigrateArguments {
  /** What is asked for; none twice. */
  readonly wanted: readonly Wanted[];
  /** Whether those that cannot be moved keep the others from being moved. */
  readonly isKeepGoing: boolean;
  readonly to: string;
  readonly dryRun: DryRun;
  readonly output: Output;
  /** Whether standard output gets the events instead of the result. */
  readonly isEvents: boolean;
  readonly timeline: TimelineFile | undefined;
  readonly agentImage: string;
  /** How long the pod may stand still, ms; undefined lets its probes decide. */
  readonly maxFreezeMs: number | undefined;
  readonly toleratesOutages: boolean;
  /** How long the end of its requests may be waited for, ms; undefined does not wait. */
  readonly quiesceMs: number | undefined;
  readonly verbosity: number;
  readonly connection: ConnectionFlags;
}

/** @throws MigrateError (usage), worded as kubectl words it */
export function migrateArguments(line: CommandLine): MigrateArguments {
  const { words, last, refuse } = line;
  const wanted = wantedOf(words, last('selector'), refuse);
  const command = words.length === 1 ? closestCommand(words[0] ?? '') : undefined;
  const to =
    last('to') ??
    refuse('the cluster to move the pod to is required: --to CLUSTER', command && `Did you mean 'kubectl migrate ${command}'?`);
  requireOneUse(line);
  const timeline = last('timeline');
  if (timeline !== undefined && podAlone(wanted) === undefined) refuse('--timeline draws the move of one pod, which has to be named');
  return Object.freeze({
    wanted,
    isKeepGoing: truth('keep-going', last('keep-going'), refuse) ?? false,
    to,
    dryRun: dryRunOf(last('dry-run'), refuse),
    output: outputOf(last('output'), refuse),
    isEvents: truth('events', last('events'), refuse) ?? false,
    timeline: timeline === undefined ? undefined : timelineFile(timeline, refuse),
    agentImage: last('agent-image') ?? agentImage,
    maxFreezeMs: maxFreezeOf(last('max-freeze'), refuse),
    toleratesOutages: truth('tolerate-outages', last('tolerate-outages'), refuse) ?? false,
    quiesceMs: quiesceOf(last('quiesce'), refuse),
    verbosity: verbosityOf(line),
    connection: connectionOf(line),
  });
}

/** The name of the pod when one is asked for by its name alone; what is printed then is its own, and no list of one. */
export function podAlone(wanted: readonly Wanted[]): string | undefined {
  const [one, ...more] = wanted;
  return one?.kind === 'Pod' && more.length === 0 ? one.name : undefined;
}

/** Standard output has room for one thing, and a dry run has nothing to tell while it goes on. */
function requireOneUse({ last, refuse }: CommandLine): void {
  const isDry = (last('dry-run') ?? 'none') !== 'none';
  if (last('events') === 'true' && last('output') !== undefined)
    refuse('--events and --output cannot be used together: the last event has the report');
  if (last('events') === 'true' && isDry) refuse('--events and --dry-run cannot be used together');
  if (last('timeline') !== undefined && isDry) refuse('--timeline and --dry-run cannot be used together');
}

function dryRunOf(value: string | undefined, refuse: Refuse): DryRun {
  if (value === undefined) return 'none';
  const meant = didYouMean(value, dryRuns);
  return (
    dryRuns.find((one) => one === value) ??
    refuse(`Invalid dry-run value (${value}). Must be "none", "server", or "client".`, meant && `Did you mean ${meant}?`)
  );
}

function maxFreezeOf(value: string | undefined, refuse: Refuse): number | undefined {
  if (value === undefined) return undefined;
  return (
    milliseconds(value) ||
    refuse(`invalid argument "${value}" for "--max-freeze" flag: it must be a duration above zero, such as 5s or 1m30s`)
  );
}

/** The longest leaves the peer's kubelet the time that it waits for a container to be created (runtimeRequestTimeout: 2 min). */
const [shortestMs, longestMs] = [1_000, 90_000];

function quiesceOf(value: string | undefined, refuse: Refuse): number | undefined {
  if (value === undefined) return undefined;
  const ms = milliseconds(value);
  if (ms !== undefined && ms >= shortestMs && ms <= longestMs) return ms;
  return refuse(`invalid argument "${value}" for "--quiesce" flag: it must be a duration from 1s to 1m30s`);
}
