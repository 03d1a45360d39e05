import type { Readable, Writable } from 'node:stream';

const maxLineBytes = 4 << 20;

/**
 * Yields the JSON values of a stream of lines.
 *
 * @throws Error on a line that is no JSON or longer than 4 MiB: the stream cannot be trusted after that
 */
export async function* readJsonLines(stream: Readable): AsyncGenerator<unknown> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      start = end + 1;
      if (line.trim() !== '') yield JSON.parse(line);
    }
    const rest = chunk.subarray(start);
    length += rest.length;
    if (length > maxLineBytes) throw new Error(`a control line is longer than ${maxLineBytes} bytes`);
    if (rest.length > 0) parts.push(rest);
  }
}

/** Writes one JSON value as one line. Back-pressure is left to the stream: control lines are few and small. */
export function writeJsonLine(stream: Writable, value: unknown): void {
  if (!stream.destroyed && !stream.writableEnded) stream.write(`${JSON.stringify(value)}\n`);
}
