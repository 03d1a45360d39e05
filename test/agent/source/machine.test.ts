import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { next, type SourceEffect, type SourceEvent, type SourceState } from '../../../src/agent/source/machine.ts';
import { settle, sourceFacts } from '../../../src/protocol/settle.ts';
import { playThrough } from '../play.ts';

const idle = { at: 'idle' } as SourceState;
const sent: SourceEvent = { type: 'sent', source: 'undecided' };
const held: SourceEvent = { type: 'held', source: 'undecided', stopWanted: undefined, isAttended: true };
const won: SourceEvent = { type: 'decided', decision: 'committed' };
const thawed: SourceEvent = { type: 'ended', by: 'thawed', reason: 'the budget is used up' };
const abort: SourceEvent = { type: 'abort', reason: 'enough' };

/** All that comes in a migration that goes well. */
const story: readonly SourceEvent[] = [
  { type: 'claimed' },
  { type: 'precopied' },
  { type: 'freeze' },
  { type: 'frozen' },
  sent,
  held,
  won,
  { type: 'ended', by: 'committed', reason: '' },
  { type: 'killed' },
];

function play(events: readonly SourceEvent[], from = idle): { state: SourceState; effects: SourceEffect[] } {
  return playThrough(next, events, from);
}

/** The state after the first events of the story. */
const after = (count: number): SourceState => play(story.slice(0, count)).state;
const [frozenAt, sentAt] = [4, 5];

test('a migration that goes well decides once, tells the target, and lets its guard go', () => {
  expect(play(story)).toEqual({ state: { at: 'over' }, effects: ['decide', 'send-commit', 'release-guard'] });
});

test.each([
  [0, 'aborted', ['tell-target-failed']],
  [1, 'aborted', ['tell-target-failed']],
  [2, 'aborted', ['tell-target-failed']],
  [3, 'aborting', ['tell-target-failed', 'end-freeze']],
  [4, 'aborting', ['tell-target-failed', 'end-freeze']],
  [5, 'aborting', ['tell-target-failed', 'end-freeze']],
  [6, 'aborting', ['tell-target-failed', 'end-freeze']],
  [7, 'committed', []],
  [9, 'over', []],
])('an abort after %i steps leads to %s', (count, at, effects) => {
  expect(next(after(count), abort)).toMatchObject({ state: { at }, effects });
});

test.each([3, 4, 5, 6])('a guard that ends the freeze by itself after %i steps is looked after', (count) => {
  const ended = next(after(count), thawed);
  expect(ended).toEqual({ state: { at: 'aborting', reason: 'the budget is used up' }, effects: ['tell-target-failed', 'end-freeze'] });
  expect(next(ended.state, thawed)).toEqual({ state: { at: 'aborted', reason: 'the budget is used up' }, effects: ['lower-fence'] });
});

test('the guard may be quicker than the commit, and then the target is told that it failed', () => {
  const lost = next(after(6), { type: 'decided', decision: 'aborted' });
  expect(lost.effects).toEqual(['tell-target-failed', 'end-freeze']);
});

test('who takes over and finds it committed does not thaw; who could not thaw can try again', () => {
  const takenOver = next(idle, { type: 'take-over', targetNeverRan: false });
  expect(takenOver.effects).toEqual(['end-freeze']);
  expect(next(takenOver.state, { type: 'ended', by: 'committed', reason: '' })).toEqual({ state: { at: 'committed' }, effects: [] });
  const failed = next(takenOver.state, { type: 'ended', by: 'failure', reason: 'busy' });
  expect(next(failed.state, { type: 'take-over', targetNeverRan: false }).effects).toEqual(['end-freeze']);
});

test('a commit is revoked by the target’s own proof and by nothing else', () => {
  expect(next(after(7), { type: 'take-over', targetNeverRan: true }).effects).toEqual(['revoke', 'end-freeze']);
  expect(next(after(7), { type: 'take-over', targetNeverRan: false })).toEqual({ state: { at: 'committed' }, effects: [] });
  expect(() => next(after(7), thawed)).toThrow('cannot come now');
});

describe('the last look', () => {
  test.each(sourceFacts)('at a source that %s asks the one table', (source) => {
    const isFit = source === 'undecided' || settle(source, 'held') === 'go on';
    expect(next(after(sentAt), { ...held, source }).effects).toEqual(isFit ? ['decide'] : ['tell-target-failed', 'end-freeze']);
    expect(next(after(frozenAt), { ...sent, source }).state.at).toBe(isFit ? 'sent' : 'aborting');
  });

  test('nothing is committed when somebody wants to stop the pod, or nobody attends', () => {
    expect(next(after(sentAt), { ...held, stopWanted: 'SIGTERM' }).state).toMatchObject({
      at: 'aborting',
      reason: expect.stringContaining('SIGTERM'),
    });
    expect(next(after(sentAt), { ...held, isAttended: false }).state).toMatchObject({
      at: 'aborting',
      reason: 'kubectl migrate went away',
    });
  });
});

test('what comes after an abort is told its reason', () => {
  const { state } = next(after(frozenAt), abort);
  expect(() => next(state, sent)).toThrow('the migration was aborted: enough');
});

const anyEvent: fc.Arbitrary<SourceEvent> = fc.oneof(
  fc.constantFrom(...story),
  fc.constantFrom<SourceEvent>(
    abort,
    thawed,
    { type: 'ended', by: 'failure', reason: 'x' },
    { type: 'ended', by: 'committed', reason: '' },
    { type: 'decided', decision: 'aborted' },
    { type: 'take-over', targetNeverRan: false },
    { type: 'take-over', targetNeverRan: true },
  ),
  fc.record({
    type: fc.constant('held' as const),
    source: fc.constantFrom(...sourceFacts),
    stopWanted: fc.constantFrom(undefined, 'SIGTERM'),
    isAttended: fc.boolean(),
  }),
);

test('whatever comes in whichever order, the target is told to run only once, by a decision that was won', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat(story.length - 1) }, anyEvent), { maxLength: 40 }), (events) => {
      let state = idle;
      let commits = 0;
      let isCommitted = false;
      for (const one of events) {
        const event = typeof one === 'number' ? (story[one] as SourceEvent) : one;
        let step;
        try {
          step = next(state, event);
        } catch {
          continue; // refused: nothing changes
        }
        if (step.effects.includes('send-commit')) {
          commits++;
          expect([state.at, event]).toEqual(['deciding', won]);
          expect(step.state.at).toBe('committed');
        }
        // Nothing is thawed from a commit on, but by the target's own proof.
        isCommitted = state.at === 'committed' || state.at === 'over';
        if (isCommitted && step.effects.includes('end-freeze')) expect(event).toEqual({ type: 'take-over', targetNeverRan: true });
        if (step.effects.includes('revoke')) expect(event).toEqual({ type: 'take-over', targetNeverRan: true });
        // Frozen is left by a commit or by a guard, never by a word.
        if (['freezing', 'dumping', 'sent', 'deciding'].includes(state.at) && step.state.at === 'aborted')
          throw new Error('left without a guard');
        state = step.state;
      }
      expect(commits).toBeLessThanOrEqual(1);
    }),
    { numRuns: 1000 },
  );
});
