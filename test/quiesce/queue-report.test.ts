import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestReport, readQueueReport } from '../../src/quiesce/queue-report.ts';
import { field, reportOf, varint } from './reports.ts';

/** Of a genuine queue-proxy 0.42.2, while three requests began, while they went on, and with none. */
const genuine = {
  begun: 'Citjb3VudHMtZ28tMDAwMDEtZGVwbG95bWVudC02ODc4ZDY5Y2ZkLXp4NHA4ES3ZiP/tRf4/IQAAAAAAAAhAMQnQxnwGADZA',
  going: 'Citjb3VudHMtZ28tMDAwMDEtZGVwbG95bWVudC02ODc4ZDY5Y2ZkLXp4NHA4EQAAAAAAAAhAMYYonjQGADdA',
  none: 'Citjb3VudHMtZ28tMDAwMDEtZGVwbG95bWVudC02ODc4ZDY5Y2ZkLXp4NHA4MXrC4tURAC5A',
};

test('what a genuine queue-proxy tells is read', () => {
  const read = (text: string): unknown => readQueueReport(Buffer.from(text, 'base64'));
  const pod = 'counts-go-00001-deployment-6878d69cfd-zx4p8';
  expect(read(genuine.begun)).toEqual({ pod, inFlight: 1.8920726758784199, begun: 3, uptime: 22.00009899 });
  expect(read(genuine.going)).toEqual({ pod, inFlight: 3, begun: 0, uptime: 23.000094689 });
  expect(read(genuine.none)).toEqual({ pod, inFlight: 0, begun: 0, uptime: 15.000136074 });
});

const amounts = fc.double({ min: 0, max: 1e9, noNaN: true }).map((value) => value + 0);
const told = fc.record({ pod: fc.string(), inFlight: amounts, begun: amounts, uptime: amounts.map((value) => value + 1) });

test('every report is read as it was written, whatever fields are added', () => {
  const added = fc.oneof(
    fc.tuple(fc.integer({ min: 7, max: 2 ** 29 - 1 }), fc.oneof(fc.double(), fc.string())).map(([number, value]) => field(number, value)),
    fc
      .tuple(fc.integer({ min: 7, max: 2 ** 29 - 1 }), fc.nat())
      .map(([number, value]) => Buffer.concat([varint(number * 8), varint(value)])),
    fc.integer({ min: 7, max: 2 ** 29 - 1 }).map((number) => Buffer.concat([varint(number * 8 + 5), Buffer.alloc(4)])),
  );
  fc.assert(
    fc.property(told, fc.array(added), (report, more) => {
      const bytes = Buffer.concat([reportOf(report), ...more]);
      fc.pre(bytes.length <= longestReport);
      expect(readQueueReport(bytes)).toEqual(report);
    }),
  );
});

test('a report that breaks off anywhere is refused, and never one of nothing in flight', () => {
  fc.assert(
    fc.property(told, fc.nat(), (report, cut) => {
      const whole = reportOf(report);
      expect(() => readQueueReport(whole.subarray(0, cut % whole.length))).toThrow();
    }),
  );
});

test('of any bytes either numbers come that can be, or a refusal', () => {
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.integer({ min: 1, max: 7 }), fc.oneof(fc.double(), fc.string())).map(([number, value]) => field(number, value)),
  );
  fc.assert(
    fc.property(fc.array(pieces), (all) => {
      let report;
      try {
        report = readQueueReport(Buffer.concat(all));
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return;
      }
      for (const value of [report.inFlight, report.begun, report.uptime]) expect(value >= 0 && Number.isFinite(value)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test.for([
  ['a number below zero', reportOf({ inFlight: -1, uptime: 3 }), 'with -1 as inFlight'],
  ['no number', reportOf({ begun: Number.NaN, uptime: 3 }), 'with NaN as begun'],
  ['one without end', reportOf({ uptime: Infinity }), 'with Infinity as uptime'],
  ['no time', reportOf({ inFlight: 1 }), 'does not say of when'],
  ['a name longer than all of it', Buffer.concat([varint(10), varint(2 ** 40)]), 'breaks off'],
  ['a length without end', Buffer.concat([varint(10), Buffer.alloc(12, 0xff)]), 'endless number'],
  ['a field of number 0', Buffer.from([0x01]), 'field 0'],
  ['a group', Buffer.from([0x0b]), 'wire type 3'],
  ['a name that is no text', Buffer.from([0x0a, 1, 0xff]), ''],
  ['too many bytes', Buffer.alloc(longestReport + 1), 'bytes'],
] as const)('a report with %s is refused', ([, bytes, words]) => {
  expect(() => readQueueReport(bytes)).toThrow(words);
});
