import { sourceFacts, targetFacts, type Settlement, type SourceFact, type TargetFact } from '../../src/protocol/settle.ts';
import type { Machines } from './machines.ts';
import type { End, Phase } from './world.ts';

/** What a command asks of the agents and the API servers, one thing after the other. */
export type Question = SourceQuestion | TargetQuestion;

export type SourceQuestion =
  | 'source.inspect'
  | 'source.precopy'
  | 'source.checkpoint'
  | 'source.abort'
  | 'source.takeover'
  | 'source.takeover by another'
  | 'source.takeover, as the target never ran'
  | 'source.takeover by another, as the target never ran'
  | 'source.kill'
  | 'source.cleanup'
  | 'delete the old object';

export type TargetQuestion =
  | 'target.await'
  | 'target.state'
  | 'target.commit'
  | 'target.abort'
  | 'target.cleanup'
  | "ask the target's node"
  | 'make the standby'
  | 'delete the standby';

type Course = Generator<Question, End | Phase, string>;

/**
 * What the command asks next, or how it ends, or what it is about from then on, after these answers. `lost` is the answer of
 * whoever cannot be reached.
 */
export function course(phase: Phase, answers: readonly string[], { settle }: Machines): { ask: Question } | { leads: End | Phase } {
  const run = courses[phase](settle);
  let step = run.next();
  for (const answer of answers) step = run.next(answer);
  return step.done === true ? { leads: step.value } : { ask: step.value };
}

const courses: Readonly<Record<Phase, (settle: Machines['settle']) => Course>> = {
  'move': move,
  'settle': settleBoth,
  'roll back': rollBack,
  'cut over': cutover,
};

/** src/migration/engine.ts */
function* move(): Course {
  const claimed = yield 'source.inspect';
  if (claimed === 'claimed by another') return 'refused';
  if (claimed !== 'ok') return 'roll back';
  for (const step of ['source.precopy', 'target.await', 'make the standby'] as const) if ((yield step) !== 'ok') return 'roll back';
  return (yield 'source.checkpoint') === 'ok' ? 'cut over' : 'settle';
}

/** src/migration/settlement.ts: when a checkpoint went wrong, and when a command finds a migration left half-way. */
function* settleBoth(settle: Machines['settle']): Course {
  const source = yield* endSource();
  const canRun = source === 'runs' || source === 'undecided';
  let target = yield* askTarget(canRun ? 'target.abort' : 'target.state');
  if (settle(source, target) === 'go on' && target === 'held') target = yield* askTarget('target.commit');
  if (settle(source, target) === 'go on' && target !== 'held') return 'cut over';
  if (!canRun && !(source === 'silent' && target === 'held')) target = yield* askTarget('target.abort');
  if (target === 'silent' && settle(source, 'silent') === 'in doubt') target = yield* askTarget("ask the target's node");
  const settlement = settle(source, target);
  if (settlement !== 'roll back' || source !== 'committed') return phaseOf(settlement);
  return phaseOf(settle(yield* takeOver(', as the target never ran'), target));
}

function phaseOf(settlement: Settlement): End | Phase {
  return settlement === 'go on' ? 'cut over' : settlement;
}

function* endSource(): Generator<Question, SourceFact, string> {
  const told = factIn(yield 'source.abort');
  return told === 'silent' ? yield* takeOver('') : told;
}

function* takeOver(why: '' | ', as the target never ran'): Generator<Question, SourceFact, string> {
  const told = factIn(yield `source.takeover${why}`);
  return told === 'silent' ? factIn(yield `source.takeover by another${why}`) : told;
}

function* askTarget(question: TargetQuestion): Generator<Question, TargetFact, string> {
  const answer = yield question;
  return targetFacts.find((one) => one === answer) ?? 'silent';
}

/** src/migration/roll-back.ts */
function* rollBack(): Course {
  if ((yield 'target.abort') === 'runs') return 'in doubt';
  if (!(yield* cleanSource())) return 'in doubt';
  let isClean = (yield 'delete the standby') === 'ok';
  isClean = (yield 'target.cleanup') === 'ok' && isClean;
  return isClean ? 'rolled back' : 'left over';
}

function* cleanSource(): Generator<Question, boolean, string> {
  for (const ask of ['source.abort', 'source.takeover by another'] as const) {
    const source = yield ask;
    if (source === 'committed') return false;
    const cleaned = source === 'lost' || source === 'failed' ? source : yield 'source.cleanup';
    if (cleaned !== 'lost' && cleaned !== 'failed') return true;
  }
  return false;
}

/** src/migration/steps/cutover, and the cleanup after it, which fails nothing. */
function* cutover(): Course {
  if ((yield 'delete the old object') !== 'ok') return 'in doubt';
  yield 'source.kill';
  yield 'source.cleanup';
  yield 'target.cleanup';
  return 'moved';
}

/** Who cannot be asked is silent; and so is who knows nothing of the pod any more. */
function factIn(answer: string): SourceFact {
  return sourceFacts.find((one) => one === answer) ?? 'silent';
}
