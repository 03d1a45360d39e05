import { eachField, encodeFields, type Field } from './protobuf.ts';

/** Values from CRIU's images/fdinfo.proto and sk-inet.proto, and from the kernel's tcp_states.h. */
const inetSocketField = 4;
const field = { family: 3, proto: 5, state: 6, srcPort: 7, dstPort: 8, srcAddr: 11, dstAddr: 12 } as const;
const tcp = 6;
const stateClose = 7;

export interface SocketChanges {
  /** The pod's addresses at the source and what each becomes at the target, 4 or 16 bytes each, network order. */
  readonly addresses: readonly { readonly from: Buffer; readonly to: Buffer }[];
}

/**
 * Rewrites CRIU's `files.img` for a pod whose address changes: sockets bound to the old address are bound to the new
 * one, connections inside the pod are kept, and connections to the outside come back unconnected (their peer would
 * not know the new address). CRIU's own `tcp-close` would close those inside the pod as well.
 * A socket counts for CRIU as connected when it has a destination port (criu/sk-inet.c: tcp_connection).
 *
 * @throws Error when the file is not what CRIU writes
 */
export function rewireSockets(image: Buffer, changes: SocketChanges): Buffer {
  return rewriteEntries(image, inetSocketField, (socket) => rewireSocket(socket, changes));
}

/**
 * Rewrites the descriptions of one kind of open files in `files.img`; all others stay as they are, byte for byte.
 *
 * @param kind its field number in CRIU's images/fdinfo.proto
 * @throws Error when the file is not what CRIU writes
 */
export function rewriteEntries(image: Buffer, kind: number, rewrite: (description: Field[]) => Buffer): Buffer {
  const parts: Buffer[] = [image.subarray(0, 8)];
  for (let at = 8; at < image.length;) {
    const size = image.readUInt32LE(at);
    const entry = image.subarray(at + 4, at + 4 + size);
    if (entry.length !== size) throw new Error('files.img ends in the middle of an entry');
    const changed = rewriteEntry(entry, kind, rewrite);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(changed.length);
    parts.push(head, changed);
    at += 4 + size;
  }
  return Buffer.concat(parts);
}

function rewriteEntry(entry: Buffer, kind: number, rewrite: (description: Field[]) => Buffer): Buffer {
  const fields = [...eachField(entry)];
  if (!fields.some(({ number, bytes }) => number === kind && bytes)) return entry;
  return encodeFields(
    fields.map((one) => (one.number === kind && one.bytes ? { ...one, bytes: rewrite([...eachField(one.bytes)]) } : one)),
  );
}

function rewireSocket(fields: Field[], { addresses }: SocketChanges): Buffer {
  const source = addressOf(fields, field.srcAddr);
  const destination = addressOf(fields, field.dstAddr);
  const isOwn = (address: Buffer): boolean => isLoopback(address) || addresses.some(({ from }) => sameAddress(from, address));
  const isConnection = valueOf(fields, field.proto) === tcp && valueOf(fields, field.dstPort) !== 0;
  if (isConnection && !(isOwn(source) && isOwn(destination))) {
    // Neither bound nor connected: binding the old port again could collide with the listener it came from.
    return encodeFields(
      fields.map((one) => {
        if (one.number === field.state) return { ...one, value: BigInt(stateClose) };
        if (one.number === field.srcPort || one.number === field.dstPort) return { ...one, value: 0n };
        return one;
      }),
    );
  }
  const translate = (address: Buffer): Buffer => addresses.find(({ from }) => sameAddress(from, address))?.to ?? address;
  return encodeFields(withAddress(withAddress(fields, field.srcAddr, translate(source)), field.dstAddr, translate(destination)));
}

function valueOf(fields: readonly Field[], number: number): number {
  return Number(fields.find((one) => one.number === number)?.value ?? 0n);
}

/** An address is a repeated uint32 in network byte order as it lies in memory, i.e. little-endian words here. */
function addressOf(fields: readonly Field[], number: number): Buffer {
  const words = fields.filter((one) => one.number === number && one.value !== undefined);
  const address = Buffer.alloc(words.length * 4);
  words.forEach(({ value }, index) => address.writeUInt32LE(Number(value), index * 4));
  return address;
}

function withAddress(fields: readonly Field[], number: number, address: Buffer): Field[] {
  let word = 0;
  return fields.map((one) => {
    if (one.number !== number || one.value === undefined) return one;
    const at = word++ * 4;
    return at + 4 <= address.length ? { ...one, value: BigInt(address.readUInt32LE(at)) } : one;
  });
}

const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');

function sameAddress(own: Buffer, address: Buffer): boolean {
  return own.equals(address);
}

function isLoopback(address: Buffer): boolean {
  if (address.length === 4) return address[0] === 127;
  if (address.length !== 16) return false;
  if (address.subarray(0, 12).equals(mappedPrefix)) return address[12] === 127;
  return address.subarray(0, 15).every((byte) => byte === 0) && address[15] === 1;
}

/** A pod's address and its IPv4-mapped form, paired with those of the target; pairs of the same family in order. */
export function addressPairs(from: readonly Buffer[], to: readonly Buffer[]): SocketChanges['addresses'] {
  return from.flatMap((address) => {
    const target = to.find((candidate) => candidate.length === address.length);
    if (!target) return [];
    const pair = { from: address, to: target };
    if (address.length !== 4) return [pair];
    return [pair, { from: Buffer.concat([mappedPrefix, address]), to: Buffer.concat([mappedPrefix, target]) }];
  });
}
