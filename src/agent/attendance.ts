import { scaled } from '../deadlines.ts';

/** The CLI says something every two seconds (src/protocol/rpc.ts); one that was suspended keeps its connection and is silent. */
const attendedMs = 10_000;
/** Without a connection: how long it may take to open another one in the place of one that broke. */
const reconnectMs = 3_000;
/** How long a migration that was not committed outlives the last word of its CLI. */
const orphanMs = 20_000;

/**
 * Knows whether the CLI that attends a migration is still there. It is by what is heard from it: a connection stays open while
 * its CLI is suspended, and one may end while its CLI opens the next.
 */
export class Attendance {
  readonly #now: () => number;
  #cli: string | undefined;
  #heardAt = 0;
  #connections = 0;

  /** @param now ms by a clock that never jumps */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A CLI wants to attend. @returns whether it may: no other one does */
  claim(cli: string): boolean {
    if (this.#cli !== cli) {
      if (this.isAttended()) return false;
      this.#connections = 0;
    }
    this.#cli = cli;
    this.#connections++;
    this.#heardAt = this.#now();
    return true;
  }

  /** That CLI said something; without effect when another one attends by now. */
  heard(cli: string | undefined): void {
    if (cli !== undefined && this.#cli === cli) this.#heardAt = this.#now();
  }

  /** A connection over which that CLI attended is gone. */
  left(cli: string | undefined): void {
    if (cli === undefined || this.#cli !== cli) return;
    this.#connections--;
    this.#heardAt = this.#now();
  }

  /** Whether that CLI is the one that attends, or attended last. */
  isOf(cli: string): boolean {
    return this.#cli === cli;
  }

  get isConnected(): boolean {
    return this.#connections > 0;
  }

  /** Whether somebody would hear what happens now, and go on with it. */
  isAttended(): boolean {
    const patience = this.isConnected ? attendedMs : reconnectMs;
    return this.#cli !== undefined && this.#now() - this.#heardAt < scaled(patience);
  }

  /** Whether the CLI that attended is not to be expected back. Not before there was one. */
  isOrphaned(): boolean {
    return this.#cli !== undefined && this.#now() - this.#heardAt >= scaled(orphanMs);
  }
}
