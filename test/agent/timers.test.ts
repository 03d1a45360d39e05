import { expect, test } from 'vitest';
import { encodeFields, eachField, type Field } from '../../src/agent/criu/protobuf.ts';
import { rearmTimers } from '../../src/agent/criu/timers.ts';

const magic = Buffer.from('4354534600000000', 'hex');

/** ticks, flags of settime, then seconds and nanoseconds of what is left and of the interval: fields 5 to 10. */
type Timer = readonly [ticks: number, flags: number, seconds: number, nanoseconds: number, everySeconds: number, everyNanoseconds: number];

function image(timer: Timer): Buffer {
  const number = (at: number, value: number): Field => ({ number: at, wireType: 0, value: BigInt(value) });
  const owner: Field = { number: 3, wireType: 2, bytes: encodeFields([number(1, 0), number(2, 0)]) };
  const description = encodeFields([
    number(1, 9),
    number(2, 2),
    owner,
    number(4, 1),
    ...timer.map((value, index) => number(index + 5, value)),
  ]);
  const entry = encodeFields([number(1, 17), number(2, 9), { number: 12, wireType: 2, bytes: description }]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(entry.length);
  return Buffer.concat([magic, length, entry]);
}

test.each<[string, Timer, Timer]>([
  ['expired and not read yet: it gets its interval', [1, 0, 0, 0, 2, 500], [1, 0, 2, 500, 2, 500]],
  ['less than a second', [3, 0, 0, 0, 0, 50_000_000], [3, 0, 0, 50_000_000, 0, 50_000_000]],
  ['still running', [0, 0, 1, 7, 2, 500], [0, 0, 1, 7, 2, 500]],
  ['running again, with ticks of an earlier restore', [4, 0, 0, 7, 2, 500], [4, 0, 0, 7, 2, 500]],
  ['disarmed by the program, which left the interval', [0, 0, 0, 0, 2, 500], [0, 0, 0, 0, 2, 500]],
  ['expired, once only', [1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]],
])('a timer that is %s', (_, before, after) => {
  expect(rearmTimers(image(before)).equals(image(after))).toBe(true);
});

test('other files stay as they are', () => {
  const socket = encodeFields([{ number: 4, wireType: 2, bytes: Buffer.from('0801', 'hex') }]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(socket.length);
  const other = Buffer.concat([magic, length, socket]);
  expect(rearmTimers(other).equals(other)).toBe(true);
  expect([...eachField(socket)]).toHaveLength(1);
});
