import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Silence } from '../../src/quiesce/silence.ts';

const report = (uptime: number, inFlight = 0, begun = 0): Parameters<Silence['isSaidBy']>[0] => ({ pod: '', uptime, inFlight, begun });
const saidBy = (...reports: readonly ReturnType<typeof report>[]): boolean[] => {
  const silence = new Silence();
  return reports.map((one) => silence.isSaidBy(one));
};

test('the report that was there already and the next say nothing, the one after that does', () => {
  expect(saidBy(report(7), report(7), report(8), report(8), report(9))).toEqual([false, false, false, false, true]);
});

test('no report is one of silence in whose second a request was in flight, or began', () => {
  expect(saidBy(report(7), report(8), report(9, 0.001), report(10, 0, 1), report(11, 2), report(12))).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
});

test('a queue-proxy that was started again begins anew', () => {
  expect(saidBy(report(70), report(71), report(1), report(2), report(3))).toEqual([false, false, false, false, true]);
});

test('a report right after another one says nothing, as it may be about no time at all', () => {
  expect(saidBy(report(7), report(8), report(9, 1), report(9.01), report(10))).toEqual([false, false, false, false, true]);
});

test('whenever requests come and end, there is no silence before the last has ended', () => {
  // As queue-proxy sees it: requests from a second on that is not known, the last of which begins before 0, each with its end.
  const requests = fc.array(fc.tuple(fc.double({ min: -3, max: 0, noNaN: true }), fc.double({ min: 0, max: 5, noNaN: true })), {
    maxLength: 5,
  });
  const tick = fc.double({ min: 0, max: 1, noNaN: true });
  const polls = fc.array(fc.double({ min: 0.01, max: 1.5, noNaN: true }), { minLength: 5, maxLength: 60 });
  fc.assert(
    fc.property(requests, tick, polls, (lasting, phase, pauses) => {
      const spans = lasting.map(([begin, length]) => ({ begin, end: begin + length }));
      const at = (second: number): ReturnType<typeof report> => {
        const [from, to] = [second - 1, second];
        const overlap = spans.reduce((sum, { begin, end }) => sum + Math.max(0, Math.min(end, to) - Math.max(begin, from)), 0);
        return report(100 + second, overlap, spans.filter(({ begin }) => begin > from && begin <= to).length);
      };
      const silence = new Silence();
      let now = 0;
      for (const pause of pauses) {
        if (silence.isSaidBy(at(Math.floor(now - phase) + phase))) {
          expect(spans.filter(({ end }) => end > now)).toEqual([]);
          return;
        }
        now += pause;
      }
    }),
    { numRuns: 2_000 },
  );
});
