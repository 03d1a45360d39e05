import { MigrateError } from '../errors.ts';
import { settle, sourceFacts, targetFacts, type Settlement, type SourceFact, type TargetFact } from '../protocol/settle.ts';
import { TakenOver, type AgentSession } from './helpers/session.ts';
import { factOnTargetNode } from './helpers/on-target-node.ts';
import { sourceText } from './plan.ts';
import { podOnNode } from './pod-on-node.ts';
import type { Underway } from './underway.ts';

/** How a migration stands, and what is to be done with it: both ends have been told so by then. */
export interface Settled {
  readonly settlement: Settlement;
  readonly source: SourceFact;
  readonly target: TargetFact;
}

/**
 * Asks both ends how they stand, has them do what follows from it, and asks again when that did not come about. After `roll back`
 * the source runs on, unless its agent is silent, and nothing at the target will; after `go on` the target runs.
 *
 * @throws TakenOver when another command attends the migration
 */
export async function settleBoth(underway: Underway): Promise<Settled> {
  const source = await endSource(underway);
  // Only a source that has decided nothing is known to run on: else the target is asked before it is told to give up.
  let target = await askTarget(underway, canRun(source) ? 'target.abort' : 'target.state');
  if (settle(source, target) === 'go on' && target === 'held') target = await askTarget(underway, 'target.commit');
  if (settle(source, target) === 'go on' && target !== 'held') return { settlement: 'go on', source, target };
  // One that could not go on, or is in the middle of it, gives its word; what stands held beside a silent source is all there may be.
  if (!canRun(source) && !(source === 'silent' && target === 'held')) target = await askTarget(underway, 'target.abort');
  // A source that has decided nothing runs on, whatever the target is silent about.
  if (target === 'silent' && settle(source, 'silent') === 'in doubt') target = await askTargetNode(underway);
  const settlement = settle(source, target);
  if (settlement !== 'roll back' || source !== 'committed') return { settlement, source, target };
  const freed = await takeOver(underway, true);
  return { settlement: settle(freed, target), source: freed, target };
}

function canRun(source: SourceFact): boolean {
  return source === 'runs' || source === 'undecided';
}

/** The source's agent lets the pod run if it may; one that is dead, or knows nothing of the pod any more, is replaced. */
async function endSource(underway: Underway): Promise<SourceFact> {
  const told = await underway.source.agent?.call('source.abort', null, 130_000).then(({ state }) => checkedSource(state), orSilent);
  return told === undefined || told === 'silent' ? await takeOver(underway, false) : told;
}

/** @param targetNeverRan its own word, with which the record does not count any more */
async function takeOver(underway: Underway, targetNeverRan: boolean): Promise<SourceFact> {
  const params = { ...podOnNode(underway.move), targetNeverRan };
  const ask = async (session: AgentSession | undefined): Promise<SourceFact> =>
    (await session?.call('source.takeover', params, 130_000).then(({ state }) => checkedSource(state), orSilent)) ?? 'silent';
  const told = await ask(underway.source.agent);
  return told === 'silent' ? await underway.source.replaceAgent().then(ask, orSilent) : told;
}

async function askTarget(underway: Underway, question: 'target.state' | 'target.abort' | 'target.commit'): Promise<TargetFact> {
  const { agent } = underway.target;
  return (await agent?.call(question, null, 30_000).then(({ state }) => targetFacts.find((one) => one === state), orSilent)) ?? 'silent';
}

/** A target whose agent is dead: what its keepers have decided, its node tells. */
async function askTargetNode(underway: Underway): Promise<TargetFact> {
  const { clusters, target } = underway;
  if (!clusters.peer || target.node === undefined) return 'silent';
  return await factOnTargetNode(clusters.peer, underway.move, target.node).catch(orSilent);
}

function orSilent(error: unknown): 'silent' {
  if (error instanceof TakenOver) throw error;
  return 'silent';
}

/** It comes from another node. */
function checkedSource(state: unknown): SourceFact {
  return sourceFacts.find((one) => one === state) ?? 'silent';
}

const sourceWords: Readonly<Record<SourceFact, (where: string) => string>> = {
  runs: (where) => `it runs on ${where}`,
  undecided: (where) => `it stands frozen on ${where}, and nothing is decided`,
  committed: (where) => `it stands frozen on ${where}, which has handed it over for good`,
  replaced: (where) => `${where} has other processes in its place`,
  gone: (where) => `its processes on ${where} are gone`,
  silent: (where) => `nobody answers on ${where}: it is not known whether it runs there, or stands frozen`,
};

const targetWords: Readonly<Record<TargetFact, (peer: string) => string>> = {
  never: (peer) => `it never ran at ${peer}`,
  held: (peer) => `it stands restored at ${peer}, and was not told to run`,
  runs: (peer) => `it runs at ${peer}`,
  ended: (peer) => `it ran at ${peer}, and has ended there`,
  silent: (peer) => `nobody answers at ${peer}: it is not known whether it runs there`,
};

/** The error that tells what is certain, and nothing else. */
export function inDoubt({ move }: Underway, { source, target }: Settled, cause: Error): MigrateError {
  const { name, namespace } = move.pod.metadata;
  const { virtualNode } = move.peer;
  const message = `pod ${namespace}/${name}: ${sourceWords[source](sourceText(move))}; ${targetWords[target](virtualNode)} (${cause.message})`;
  return new MigrateError('in-doubt', message, {
    cause,
    hint:
      'do not thaw, delete or start it anywhere meanwhile; when both nodes can be reached again, the same command finishes the ' +
      `move or takes it back: kubectl migrate ${name} -n ${namespace} --to ${virtualNode}`,
  });
}
