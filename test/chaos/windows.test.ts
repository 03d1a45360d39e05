import { describe, expect, test } from 'vitest';
import { whyMissed, type Mark } from '../../chaos/windows.ts';

const seen = (marks: Partial<Record<Mark, number>>): ReadonlyMap<Mark, number> => new Map(Object.entries(marks)) as Map<Mark, number>;

describe('a fault counts', () => {
  test('between the ends of its window', () => {
    expect(whyMissed('precopy', seen({ 'step precopy': 100, 'step standby': 200 }), { fromMs: 110, toMs: 120 }, 25)).toBeUndefined();
  });

  test('when the window never ended', () => {
    expect(whyMissed('precopy', seen({ 'step precopy': 100 }), { fromMs: 110, toMs: 120 }, 25)).toBeUndefined();
  });

  test('before an end that is seen on the node, however soon that comes', () => {
    const marks = seen({ 'all held': 100, 'source decided': 122, 'step cutover': 130 });
    expect(whyMissed('held', marks, { fromMs: 110, toMs: 121 }, 25)).toBeUndefined();
  });
});

describe('a fault is missed', () => {
  test('when its window was never seen', () => {
    expect(whyMissed('held', seen({}), { fromMs: 1, toMs: 2 }, 25)).toContain('"all held" was never seen');
  });

  test('before its window', () => {
    expect(whyMissed('held', seen({ 'all held': 100 }), { fromMs: 90, toMs: 101 }, 25)).toContain('10 ms before "all held"');
  });

  test('behind the end of its window', () => {
    expect(whyMissed('held', seen({ 'all held': 100, 'source decided': 119 }), { fromMs: 110, toMs: 120 }, 25)).toContain(
      '"source decided"',
    );
  });

  test('behind a later mark, though the end itself was not seen', () => {
    expect(whyMissed('frozen', seen({ 'stage frozen': 100, 'source decided': 119 }), { fromMs: 110, toMs: 120 }, 25)).toContain(
      '"source decided"',
    );
  });

  test('so close to a told end that the telling may have come late', () => {
    const marks = seen({ 'step precopy': 100, 'step standby': 140 });
    expect(whyMissed('precopy', marks, { fromMs: 110, toMs: 120 }, 25)).toContain('"step standby"');
  });
});
