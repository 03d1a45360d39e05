/** One field of a protobuf message, kept so that an unchanged message encodes to the bytes that it came from. */
export interface Field {
  readonly number: number;
  readonly wireType: number;
  readonly value?: bigint;
  readonly bytes?: Buffer;
}

/**
 * Yields the fields of a message in their order, without knowing its schema.
 *
 * @throws Error when the bytes are no protobuf message
 */
export function* eachField(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error('a protobuf message ends inside a number');
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new Error('a protobuf message ends inside a field');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >>> 3;
    const wireType = key & 7;
    if (wireType === 0) yield { number, wireType, value: varint() };
    else if (wireType === 1) yield { number, wireType, bytes: take(8) };
    else if (wireType === 2) yield { number, wireType, bytes: take(Number(varint())) };
    else if (wireType === 5) yield { number, wireType, bytes: take(4) };
    else throw new Error(`a protobuf field of unknown type ${wireType}`);
  }
}

export function encodeFields(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const { number, wireType, value, bytes } of fields) {
    parts.push(varintBytes(BigInt((number << 3) | wireType)));
    if (wireType === 0) parts.push(varintBytes(value ?? 0n));
    else if (wireType === 2) parts.push(varintBytes(BigInt(bytes?.length ?? 0)), bytes ?? Buffer.alloc(0));
    else if (bytes) parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function varintBytes(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
