import { Writable } from 'node:stream';

/** A terminal that keeps what is written to it. */
export class Terminal extends Writable {
  readonly isTTY: boolean;
  readonly columns = 120;
  readonly rows: number;
  text = '';

  constructor(isTTY: boolean, rows = 40) {
    super();
    this.rows = rows;
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }

  getColorDepth(): number {
    return 4;
  }

  /** As the type that programs have for a terminal. */
  get stream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}
