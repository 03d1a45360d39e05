import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MigrateError } from '../../src/errors.ts';
import { endOf, moveAll, nextOf, type PlannedPod, type PodOutcome } from '../../src/migration/batch.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { finding } from '../../src/preflight/finding.ts';

const blocker = finding('KM-HOST-NAMESPACE', { kind: 'pod', name: 'x' }, 'it uses the network of its node');

function planned(pod: string, decision: PlannedPod['decision']): PlannedPod {
  if (decision === 'finish') return { decision, pod, namespace: 'demo' };
  return { decision, pod, namespace: 'demo', findings: decision === 'refuse' ? [blocker] : [] } as unknown as PlannedPod;
}

const outcomeOf = (outcome: PodOutcome['outcome'], pod: string): PodOutcome =>
  ({ outcome, pod, namespace: 'demo', message: 'so' }) as PodOutcome;

const three = [planned('a', 'move'), planned('b', 'move'), planned('c', 'move')];

describe('the next one', () => {
  test('is the first that is to be moved and was not begun', () => {
    expect(nextOf(three, [], false)?.pod).toBe('a');
    expect(nextOf(three, [outcomeOf('moved', 'a')], false)?.pod).toBe('b');
    expect(
      nextOf(
        three,
        ['a', 'b', 'c'].map((pod) => outcomeOf('moved', pod)),
        false,
      ),
    ).toBe(undefined);
  });

  test('is none that is at the peer already, and may be one that another command has left', () => {
    expect(nextOf([planned('a', 'skip'), planned('b', 'finish')], [], false)?.pod).toBe('b');
    expect(nextOf([planned('a', 'skip')], [], false)).toBe(undefined);
  });

  test('is none at all when one cannot be moved, wherever it stands, unless the user keeps going', () => {
    const blocked = [planned('a', 'move'), planned('b', 'refuse')];
    expect(nextOf(blocked, [], false)).toBe(undefined);
    expect(nextOf(blocked, [], true)?.pod).toBe('a');
    expect(nextOf(blocked, [outcomeOf('moved', 'a')], true)).toBe(undefined);
  });

  test.each(['failed', 'refused'] as const)('is none after one that was %s, unless the user keeps going', (outcome) => {
    expect(nextOf(three, [outcomeOf(outcome, 'a')], false)).toBe(undefined);
    expect(nextOf(three, [outcomeOf(outcome, 'a')], true)?.pod).toBe('b');
  });

  test.each(['in-doubt', 'interrupted'] as const)('is none after one that is %s, whatever the user said', (outcome) => {
    for (const isKeepGoing of [false, true]) expect(nextOf(three, [outcomeOf(outcome, 'a')], isKeepGoing)).toBe(undefined);
  });
});

describe('the end of all', () => {
  test.each<[readonly PodOutcome['outcome'][], boolean, ReturnType<typeof endOf>]>([
    [['moved', 'moved'], false, undefined],
    [['moved', 'skipped'], false, undefined],
    [['skipped'], false, undefined],
    [['moved'], true, undefined],
    [['not-begun', 'refused'], false, 'refused'],
    [['refused', 'refused', 'skipped'], false, 'refused'],
    [['moved', 'refused'], false, 'failed'],
    [['failed', 'not-begun'], false, 'failed'],
    [['refused', 'failed'], false, 'failed'],
    [['moved', 'in-doubt', 'not-begun'], false, 'in-doubt'],
    [['failed', 'in-doubt'], true, 'in-doubt'],
    [['moved', 'interrupted', 'not-begun'], true, 'interrupted'],
    [['moved', 'not-begun'], true, 'interrupted'],
  ])('of %j, stopped by the user %j, is %s', (outcomes, isStopped, end) => {
    expect(
      endOf(
        outcomes.map((outcome, index) => outcomeOf(outcome, String(index))),
        isStopped,
      ),
    ).toBe(end);
  });
});

/** What becomes of a pod when it is its turn. */
type Fate = 'moved' | 'failed' | 'refused' | 'in-doubt' | 'interrupted';

async function moveTo(fates: Readonly<Record<string, Fate>>, begun: string[], pod: string): Promise<MigrationReport> {
  begun.push(pod);
  const fate = fates[pod] ?? 'moved';
  if (fate !== 'moved') throw new MigrateError(fate, `${pod} ${fate}`, { hint: 'look' });
  return { pod, namespace: 'demo' } as MigrationReport;
}

test('what an error told is kept with the pod, and those behind it were not begun', async () => {
  const begun: string[] = [];
  const options = { isKeepGoing: false, signal: new AbortController().signal };
  const outcomes = await moveAll([planned('z', 'skip'), ...three], async (pod) => moveTo({ b: 'failed' }, begun, pod), options);
  expect(begun).toEqual(['a', 'b']);
  expect(outcomes).toEqual([
    { outcome: 'skipped', pod: 'z', namespace: 'demo' },
    { outcome: 'moved', pod: 'a', namespace: 'demo' },
    { outcome: 'failed', pod: 'b', namespace: 'demo', message: 'b failed', hint: 'look' },
    { outcome: 'not-begun', pod: 'c', namespace: 'demo' },
  ]);
});

test('a plan that is in the way of all is told with its codes, and nothing is begun', async () => {
  const begun: string[] = [];
  const options = { isKeepGoing: false, signal: new AbortController().signal };
  const outcomes = await moveAll([planned('a', 'move'), planned('b', 'refuse')], async (pod) => moveTo({}, begun, pod), options);
  expect(begun).toEqual([]);
  expect(outcomes[1]).toMatchObject({
    outcome: 'refused',
    message: 'it uses the network of its node [KM-HOST-NAMESPACE]',
    findings: [blocker],
  });
});

test('a user who stops while one is moved lets it come to its end, and no other one begin', async () => {
  const stop = new AbortController();
  const outcomes = await moveAll(
    three,
    async (pod) => {
      stop.abort();
      return { pod, namespace: 'demo' } as MigrationReport;
    },
    { isKeepGoing: true, signal: stop.signal },
  );
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(['moved', 'not-begun', 'not-begun']);
  expect(endOf(outcomes, true)).toBe('interrupted');
});

test('whatever becomes of each, every pod has one outcome in its place, none is begun twice, and none behind a doubt', async () => {
  const decision = fc.constantFrom<PlannedPod['decision']>('move', 'refuse', 'skip', 'finish');
  const fate = fc.constantFrom<Fate>('moved', 'failed', 'refused', 'in-doubt', 'interrupted');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(decision, fate), { maxLength: 6 }), fc.boolean(), async (pods, isKeepGoing) => {
      const plans = pods.map(([one], index) => planned(String(index), one));
      const fates = Object.fromEntries(pods.map(([, one], index) => [String(index), one]));
      const begun: string[] = [];
      const options = { isKeepGoing, signal: new AbortController().signal };
      const outcomes = await moveAll(plans, async (pod) => moveTo(fates, begun, pod), options);
      expect(outcomes.map(({ pod }) => pod)).toEqual(plans.map(({ pod }) => pod));
      expect(new Set(begun).size).toBe(begun.length);
      const doubt = begun.findIndex((pod) => fates[pod] === 'in-doubt' || fates[pod] === 'interrupted');
      expect(doubt === -1 || doubt === begun.length - 1).toBe(true);
      if (!isKeepGoing && plans.some(({ decision: one }) => one === 'refuse')) expect(begun).toEqual([]);
      const areAllThere = outcomes.every(({ outcome }) => outcome === 'moved' || outcome === 'skipped');
      expect(endOf(outcomes, false) === undefined).toBe(areAllThere);
    }),
  );
});
