import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressPairs, rewireSockets } from '../../src/agent/criu/files-image.ts';
import { eachField, encodeFields, type Field } from '../../src/agent/criu/protobuf.ts';
import { addressBytes, ipv4Addresses, ipv6Addresses } from '../../src/agent/target/restore.ts';

const magic = Buffer.from('1943_5456_0000_0000'.replaceAll('_', ''), 'hex');
const tcp = 6;

interface Socket {
  proto: number;
  state: number;
  srcPort: number;
  dstPort: number;
  src: string;
  dst: string;
}

function words(number: number, address: string): Field[] {
  const bytes = addressBytes(address);
  return Array.from({ length: bytes.length / 4 }, (_, index) => ({ number, wireType: 0, value: BigInt(bytes.readUInt32LE(index * 4)) }));
}

function image(sockets: readonly Socket[]): Buffer {
  const entries = sockets.map(({ proto, state, srcPort, dstPort, src, dst }) => {
    const numbers = [7, 99, 2, 1, proto, state, srcPort, dstPort, 0, 0].map((value, index): Field => ({
      number: index + 1,
      wireType: 0,
      value: BigInt(value),
    }));
    const socket = encodeFields([...numbers, ...words(11, src), ...words(12, dst), { number: 13, wireType: 2, bytes: Buffer.from('x') }]);
    const entry = encodeFields([
      { number: 1, wireType: 0, value: 4n },
      { number: 2, wireType: 0, value: 7n },
      { number: 4, wireType: 2, bytes: socket },
    ]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entry.length);
    return Buffer.concat([length, entry]);
  });
  return Buffer.concat([magic, ...entries]);
}

const addresses = addressPairs([addressBytes('10.101.1.5')], [addressBytes('10.102.2.9')]);
const rewired = (socket: Socket): Buffer => rewireSockets(image([socket]), { addresses });
const listener: Socket = { proto: tcp, state: 10, srcPort: 80, dstPort: 0, src: '0.0.0.0', dst: '0.0.0.0' };

describe('sockets of a pod whose address changes', () => {
  test('a listener on all addresses is left as it is, to the byte', () => {
    expect(rewired(listener).equals(image([listener]))).toBe(true);
  });
  test('a listener on the old address listens on the new one', () => {
    expect(rewired({ ...listener, src: '10.101.1.5' })).toEqual(image([{ ...listener, src: '10.102.2.9' }]));
  });
  test('a connection over the loopback device is kept', () => {
    const inside = { proto: tcp, state: 1, srcPort: 7000, dstPort: 40000, src: '127.0.0.1', dst: '127.0.0.1' };
    expect(rewired(inside).equals(image([inside]))).toBe(true);
  });
  test('a connection of the pod with itself over its own address is kept, at the new address', () => {
    const inside = { proto: tcp, state: 1, srcPort: 7000, dstPort: 40000, src: '10.101.1.5', dst: '10.101.1.5' };
    expect(rewired(inside)).toEqual(image([{ ...inside, src: '10.102.2.9', dst: '10.102.2.9' }]));
  });
  test('a connection to the outside comes back closed, and bound to nothing', () => {
    const outside = { proto: tcp, state: 1, srcPort: 80, dstPort: 51234, src: '10.101.1.5', dst: '10.101.1.77' };
    expect(rewired(outside)).toEqual(image([{ ...outside, state: 7, srcPort: 0, dstPort: 0 }]));
  });
  test('a connected UDP socket keeps its peer and gets the new address', () => {
    const udp = { proto: 17, state: 1, srcPort: 5000, dstPort: 53, src: '10.101.1.5', dst: '10.111.0.10' };
    expect(rewired(udp)).toEqual(image([{ ...udp, src: '10.102.2.9' }]));
  });
  test('IPv4 in IPv6 is the same address', () => {
    const mapped = { ...listener, src: '::ffff:a65:105', dst: '::' };
    expect(rewired(mapped)).toEqual(image([{ ...mapped, src: '::ffff:a66:209' }]));
    const loopback = { proto: tcp, state: 1, srcPort: 1, dstPort: 2, src: '::1', dst: '::1' };
    expect(rewired(loopback).equals(image([loopback]))).toBe(true);
  });
  test('a file that is cut off is refused', () => {
    const whole = image([listener]);
    expect(() => rewireSockets(whole.subarray(0, whole.length - 1), { addresses })).toThrow(/middle of an entry/);
  });
});

test('protobuf fields that are read and written again give the same bytes', () => {
  const field = fc.oneof(
    fc.record({ number: fc.integer({ min: 1, max: 2000 }), wireType: fc.constant(0), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({
      number: fc.integer({ min: 1, max: 2000 }),
      wireType: fc.constant(2),
      bytes: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    }),
  );
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const bytes = encodeFields(fields);
      expect(encodeFields([...eachField(bytes)]).equals(bytes)).toBe(true);
    }),
  );
});

test('any bytes at all are a message or an error, never an endless loop', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        expect([...eachField(Buffer.from(bytes))].length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});

test('the addresses of a network namespace are read from its own tables', () => {
  const trie = [
    'Main:',
    '  +-- 0.0.0.0/0 3 0 5',
    '     |-- 0.0.0.0',
    '        /0 universe UNICAST',
    '        |-- 10.102.1.6',
    '           /32 host LOCAL',
    '        |-- 127.0.0.1',
    '           /32 host LOCAL',
  ].join('\n');
  expect(ipv4Addresses(trie).map((address) => [...address])).toEqual([[10, 102, 1, 6]]);
  const table =
    'fe80000000000000000000000000000a 02 40 20 80 eth0\nfd000000000000000000000000000001 02 40 00 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\n';
  expect(ipv6Addresses(table).map((address) => address.toString('hex'))).toEqual(['fd000000000000000000000000000001']);
});
