/** A field of a double or of a text, as protobuf has it. */
export function field(number: number, value: number | string): Buffer {
  const key = (type: number): Buffer => varint(number * 8 + type);
  if (typeof value === 'string') return Buffer.concat([key(2), varint(Buffer.byteLength(value)), Buffer.from(value)]);
  const double = Buffer.alloc(8);
  double.writeDoubleLE(value);
  return Buffer.concat([key(1), double]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}

export interface Told {
  readonly pod?: string;
  readonly inFlight?: number;
  readonly begun?: number;
  readonly uptime?: number;
}

/** As queue-proxy writes it: in the order of the numbers, and without what is zero. */
export function reportOf({ pod = '', inFlight = 0, begun = 0, uptime = 0 }: Told): Buffer {
  const all = [field(1, pod), field(2, inFlight), field(3, inFlight), field(4, begun), field(5, begun), field(6, uptime)];
  const values = [pod, inFlight, inFlight, begun, begun, uptime];
  return Buffer.concat(all.filter((_, index) => values[index] !== 0 && values[index] !== ''));
}
