import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkedMessage, dataFrameHead, FrameReader, messageFrame, type PeerMessage } from '../../src/protocol/frames.ts';

/** What a reader makes of a byte stream that comes in pieces of the given sizes. */
function read(stream: Buffer, sizes: readonly number[]): { messages: PeerMessage[]; data: Map<number, Buffer> } {
  const messages: PeerMessage[] = [];
  const data = new Map<number, Buffer>();
  const reader = new FrameReader(
    (message) => messages.push(message),
    (file, part) => data.set(file, Buffer.concat([data.get(file) ?? Buffer.alloc(0), part])),
  );
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    reader.push(stream.subarray(at, at + size));
    at += size;
  }
  return { messages, data };
}

const open: PeerMessage = { type: 'open', file: 3, container: 'main', kind: 'image', name: 'pages-1.img' };

test('messages and data come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 5000 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
      (bytes, sizes) => {
        const body = Buffer.from(bytes);
        const stream = Buffer.concat([
          messageFrame(open),
          dataFrameHead(3, body.length),
          body,
          messageFrame({ type: 'commit' }),
          dataFrameHead(3, body.length),
          body,
        ]);
        const { messages, data } = read(stream, sizes);
        expect(messages).toEqual([open, { type: 'commit' }]);
        expect(data.get(3)?.equals(Buffer.concat([body, body]))).toBe(true);
      },
    ),
  );
});

test('whatever bytes come, a reader throws or goes on; it never takes them for a file of another name', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        const { messages } = read(Buffer.from(bytes), [7]);
        for (const message of messages) expect(checkedMessage(message)).toEqual(message);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 2000 },
  );
});

describe('a message of the other node is refused', () => {
  const hostile: readonly [string, unknown][] = [
    ['with a name that leaves its folder', { ...open, name: '../../etc/passwd' }],
    ['with a name that is a path', { ...open, name: 'a/b' }],
    ['with a hidden name', { ...open, name: '.ssh' }],
    ['with an empty name', { ...open, name: '' }],
    ['with a name that holds a zero byte', { ...open, name: 'a\0b' }],
    ['with a container that is no name', { ...open, container: '..' }],
    ['of an unknown kind', { ...open, kind: 'device' }],
    ['with a negative number', { ...open, file: -1 }],
    ['with a number that is no integer', { type: 'close', file: 0, size: 1.5, crc32: 0 }],
    ['of an unknown type', { type: 'exec' }],
    ['that is no object', null],
  ];
  for (const [what, message] of hostile) {
    test(what, () => expect(() => checkedMessage(message)).toThrow());
  }
  test('and one that announces more than any frame may have', () => {
    const head = Buffer.from([0x4a, 0xff, 0xff, 0xff, 0xff]);
    expect(() => read(head, [5])).toThrow(/bytes/);
    expect(() => read(Buffer.concat([Buffer.from([0x44]), head.subarray(1), Buffer.alloc(4)]), [9])).toThrow(/bytes/);
  });
});
