import { settle, type SourceFact } from '../../protocol/settle.ts';
import type { Decision } from './decision.ts';
import type { FreezeEnd } from './guard.ts';

/** How far the source's side of one migration has come. */
export type SourceState =
  | { readonly at: 'idle' | 'claimed' | 'precopied' | 'freezing' | 'dumping' | 'sent' | 'deciding' | 'committed' | 'over' }
  | { readonly at: 'aborting' | 'aborted'; readonly reason: string };

export type SourceEvent =
  | { readonly type: 'claimed' | 'precopied' | 'freeze' | 'frozen' | 'killed' }
  /** All dumps have ended well, and all is sent. `source` as it is found then. */
  | { readonly type: 'sent'; readonly source: SourceFact }
  /**
   * The target holds everything. Looked at last: the source; what its runtime was asked to stop it with, if it was; and whether a
   * CLI would go on after a commit.
   */
  | { readonly type: 'held'; readonly source: SourceFact; readonly stopWanted: string | undefined; readonly isAttended: boolean }
  /** Who was first at the claim's decision. */
  | { readonly type: 'decided'; readonly decision: Decision }
  | { readonly type: 'abort'; readonly reason: string }
  /** A guard's end, or a guard's failure to let everything run. */
  | { readonly type: 'ended'; readonly by: FreezeEnd | 'failure'; readonly reason: string }
  /** Another agent of the migration froze the pod. With the target's own proof that it never ran and never will, a commit is revoked. */
  | { readonly type: 'take-over'; readonly targetNeverRan: boolean };

export type SourceEffect =
  /** By the claim's exclusive file. */
  | 'decide'
  | 'send-commit'
  | 'release-guard'
  | 'tell-target-failed'
  /** The guard takes the decision, ends dumps, thaws: leads to `ended`. */
  | 'end-freeze'
  | 'revoke'
  | 'lower-fence';

export interface SourceTransition {
  readonly state: SourceState;
  readonly effects: readonly SourceEffect[];
}

/** From where which step leads where, when nothing is in its way. */
const steps: Readonly<Partial<Record<SourceEvent['type'], { readonly from: readonly SourceState['at'][]; readonly to: PlainState }>>> = {
  claimed: { from: ['idle', 'claimed'], to: 'claimed' },
  precopied: { from: ['claimed', 'precopied'], to: 'precopied' },
  freeze: { from: ['precopied'], to: 'freezing' },
  frozen: { from: ['freezing'], to: 'dumping' },
  sent: { from: ['dumping'], to: 'sent' },
  held: { from: ['sent'], to: 'deciding' },
  killed: { from: ['committed'], to: 'over' },
};
type PlainState = Exclude<SourceState['at'], 'aborting' | 'aborted'>;

/**
 * What a state and an event lead to, and what is to be done then. `committed` is reached by the claim's decision alone, and left by
 * the end of the processes or by the target's own proof that it never ran; from no other state does anything tell the target to run.
 *
 * @throws Error on an event that cannot come now; with the reason of the abort when that came first
 */
export function next(state: SourceState, event: SourceEvent): SourceTransition {
  switch (event.type) {
    case 'abort':
      return onAbort(state, event.reason);
    case 'ended':
      return onEnded(state, event);
    case 'take-over':
      return onTakeOver(state, event.targetNeverRan);
    case 'decided':
      if (state.at !== 'deciding') return impossible(state, event);
      return event.decision === 'committed'
        ? { state: { at: 'committed' }, effects: ['send-commit', 'release-guard'] }
        : abort('the freeze was ended by the source guard');
    case 'claimed':
    case 'precopied':
    case 'freeze':
    case 'frozen':
    case 'sent':
    case 'held':
    case 'killed':
      return onStep(state, event);
  }
}

function onStep(state: SourceState, event: Exclude<SourceEvent, { type: 'abort' | 'ended' | 'take-over' | 'decided' }>): SourceTransition {
  const step = steps[event.type];
  if (!step?.from.includes(state.at)) return impossible(state, event);
  const against = event.type === 'sent' || event.type === 'held' ? objection(event) : undefined;
  if (against !== undefined) return abort(against);
  return { state: { at: step.to }, effects: event.type === 'held' ? ['decide'] : [] };
}

/** Why the target must not have the pod, if it must not. What is gone is all in the images by the time of these events. */
function objection(event: Extract<SourceEvent, { type: 'sent' | 'held' }>): string | undefined {
  if (event.source !== 'undecided' && settle(event.source, 'held') !== 'go on')
    return event.source === 'runs' ? 'a container ran on during its checkpoint' : 'nobody knows whether the source stands still';
  if (event.type === 'sent') return undefined;
  if (event.stopWanted !== undefined) return `somebody wants to stop the pod: ${event.stopWanted} came while it stood still`;
  return event.isAttended ? undefined : 'kubectl migrate went away';
}

function onAbort(state: SourceState, reason: string): SourceTransition {
  switch (state.at) {
    case 'idle':
    case 'claimed':
    case 'precopied':
      return { state: { at: 'aborted', reason }, effects: ['tell-target-failed'] };
    case 'freezing':
    case 'dumping':
    case 'sent':
    case 'deciding':
      return abort(reason);
    case 'aborting':
    case 'aborted':
    case 'committed':
    case 'over':
      return { state, effects: [] };
  }
}

function onEnded(state: SourceState, event: Extract<SourceEvent, { type: 'ended' }>): SourceTransition {
  const { by, reason } = event;
  switch (state.at) {
    case 'freezing':
    case 'dumping':
    case 'sent':
    case 'deciding':
      // Whatever it did, we may have frozen something since: that is looked at.
      return by === 'committed' ? impossible(state, event) : abort(reason);
    case 'aborting':
      if (by === 'committed') return { state: { at: 'committed' }, effects: [] };
      if (by === 'failure') return { state, effects: [] };
      return { state: { at: 'aborted', reason: state.reason }, effects: ['lower-fence'] };
    case 'committed':
    case 'over':
      return by === 'thawed' ? impossible(state, event) : { state, effects: [] };
    case 'aborted':
      return by === 'committed' ? impossible(state, event) : { state, effects: [] };
    case 'idle':
    case 'claimed':
    case 'precopied':
      return impossible(state, event);
  }
}

function onTakeOver(state: SourceState, targetNeverRan: boolean): SourceTransition {
  const reason = 'another agent took the migration over';
  // Only who has committed, or does not know, can have something to revoke.
  if (state.at === 'idle' || (state.at === 'committed' && targetNeverRan))
    return { state: { at: 'aborting', reason }, effects: targetNeverRan ? ['revoke', 'end-freeze'] : ['end-freeze'] };
  if (state.at === 'aborting') return { state, effects: ['end-freeze'] };
  return onAbort(state, reason);
}

function abort(reason: string): SourceTransition {
  return { state: { at: 'aborting', reason }, effects: ['tell-target-failed', 'end-freeze'] };
}

function impossible(state: SourceState, event: SourceEvent): never {
  if (state.at === 'aborting' || state.at === 'aborted') throw new Error(`the migration was aborted: ${state.reason}`);
  throw new Error(`the source is ${state.at}: "${event.type}" cannot come now`);
}
