import { expect, test } from 'vitest';
import { faultsIn, type Expected } from './one-copy.ts';
import { tickOf, type Tick } from './tick.ts';

const home = '10.101.1.5';
const away = '10.102.2.7';

/** Ticks of one process from one number to another, one each ms, beginning `from` ms after the first one of all. */
function stretch(
  address: string,
  [first, last]: readonly [number, number],
  extra: Partial<Tick> & { readonly from?: number } = {},
): Tick[] {
  const { from = 0, ...fields } = extra;
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const ms = 1_000_000 + from + index;
    return { ...tickOf({ ms, sender: address, text: `web main main b007 ${first + index} ${ms / 1000}` }), ...fields };
  });
}

const byArrival = (ticks: readonly Tick[]): Tick[] => ticks.toSorted((one, other) => one.receivedMs - other.receivedMs);
const moved = [...stretch(home, [0, 9]), ...stretch(away, [10, 19], { from: 500 })];
const child = { process: 'child' };
const afterMove: Expected = { sides: ['home', 'away'] };
const afterAbort: Expected = { sides: ['home'] };

const right: readonly [string, readonly Tick[], Expected][] = [
  ['a pod that stays', stretch(home, [0, 9]), afterAbort],
  ['a pod that moves', moved, afterMove],
  ['a pod that moves, with a commit between', moved, { ...afterMove, commitMs: 1_000_400 }],
  ['one that is watched from some tick on', stretch(home, [40, 49]), afterAbort],
  [
    'two processes that stand still together and go on together',
    [...moved, ...stretch(home, [3, 6], { ...child, from: 3 }), ...stretch(away, [7, 9], { ...child, from: 501 })],
    afterMove,
  ],
];
test.each(right)('%s is one copy', (_, ticks, expected) => {
  expect(faultsIn(byArrival(ticks), expected)).toEqual([]);
});

const wrong: readonly [string, readonly Tick[], Expected, RegExp][] = [
  ['no tick', [], afterAbort, /^no tick at all$/],
  ['a pod that did not move', stretch(home, [0, 9]), afterMove, /^ticked at home instead of home, then away$/],
  ['a pod that moved though it should not have', moved, afterAbort, /^ticked at home, then away instead of home$/],
  ['a pod that was only ever seen at the peer', stretch(away, [0, 9]), afterMove, /^ticked at away instead of home, then away$/],
  [
    'a source that runs on beside the target',
    [...stretch(home, [0, 49]), ...stretch(away, [40, 49], { from: 44.5 })],
    afterMove,
    /^two copies at once: after main\/main 40 at away \(10\.102\.2\.7\) still 5 ticks for 4\.5 ms, the last one main\/main 49 at home \(10\.101\.1\.5\)$/m,
  ],
  [
    'one tick more of a child at the source after the target has begun',
    [
      ...moved,
      ...stretch(home, [0, 4], child),
      ...stretch(away, [5, 9], { ...child, from: 500 }),
      ...stretch(home, [5, 5], { ...child, from: 505 }),
    ],
    afterMove,
    /two copies at once: .* still 1 ticks .* main\/child 5 at home[^]*1 ticks doubled/,
  ],
  [
    'a fresh start at the peer',
    [...stretch(home, [0, 49]), ...stretch(away, [0, 9], { from: 30, boot: 'f4e5' })],
    afterAbort,
    /two copies at once[^]*main started afresh at away \(10\.102\.2\.7\)/,
  ],
  [
    'a container that was restarted where it was',
    [...stretch(home, [0, 9]), ...stretch(home, [0, 9], { from: 100, boot: 'f4e5' })],
    afterAbort,
    /^main started afresh at home \(10\.101\.1\.5\): its memory is another one$/,
  ],
  [
    'a second sandbox at the peer',
    [...moved, ...stretch('10.102.2.8', [20, 29], { from: 600 })],
    afterMove,
    /^ticked at home, then away, then away/,
  ],
  [
    'a lost tick',
    [...stretch(home, [0, 9]), ...stretch(away, [11, 19], { from: 500 })],
    afterMove,
    /^main\/main 11 at away \(10\.102\.2\.7\) came after 9$/,
  ],
  [
    'a tick done again',
    [...stretch(home, [0, 9]), ...stretch(away, [9, 19], { from: 500 })],
    afterMove,
    /^1 ticks doubled, the first one main\/main 9 at away/,
  ],
  [
    'older memory in the same place',
    [...stretch(home, [0, 9]), ...stretch(home, [5, 19], { from: 100 })],
    afterAbort,
    /^5 ticks doubled, the first one main\/main 5 at home/,
  ],
  [
    'a child that does not come over',
    [...moved, ...stretch(home, [0, 4], child)],
    afterMove,
    /^main\/child never ticked at away \(10\.102\.2\.7\)$/,
  ],
  [
    'a target that runs before the commit',
    moved,
    { ...afterMove, commitMs: 1_000_505 },
    /^main\/main 10 at away \(10\.102\.2\.7\) 5\.0 ms before the commit, and 4 more ticks$/,
  ],
  [
    'a source that runs after it',
    moved,
    { ...afterMove, commitMs: 1_000_006 },
    /^main\/main 7 at home \(10\.101\.1\.5\) 1\.0 ms after the commit, and 2 more ticks$/,
  ],
];
test.each(wrong)('%s is seen', (_, ticks, expected, words) => {
  expect(faultsIn(byArrival(ticks), expected).join('\n')).toMatch(words);
});

test('what is no tick, or from no pod, is not taken for one', () => {
  expect(() => tickOf({ ms: 1, sender: home, text: 'web main' })).toThrow('"web main" is no tick');
  expect(() => tickOf({ ms: 1, sender: '10.77.0.5', text: 'web main main b007 1 1.0' })).toThrow("10.77.0.5, which is no pod's address");
});
