import { scaled } from '../protocol/deadlines.ts';

/** The CLI says something every two seconds (src/protocol/rpc.ts); one that was suspended keeps its connection and is silent. */
const attendedMs = 10_000;
/** How long a migration that was not committed outlives the last word of its CLI. */
const orphanMs = 20_000;

/**
 * Knows when the CLI that attends a migration was last heard. Connections tell nothing: one stays open while its CLI is
 * suspended, and another one may end while its CLI opens the next.
 */
export class Attendance {
  readonly #now: () => number;
  #cli: string | undefined;
  #heardAt = 0;

  /** @param now ms by a clock that never jumps */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A CLI wants to attend. @returns whether it may: no other one was heard within the last seconds */
  claim(cli: string): boolean {
    if (this.#cli !== cli && this.isAttended()) return false;
    this.#cli = cli;
    this.#heardAt = this.#now();
    return true;
  }

  /** That CLI said something; without effect when another one attends by now. */
  heard(cli: string): void {
    if (this.#cli === cli) this.#heardAt = this.#now();
  }

  /** Whether somebody would hear what happens now, and go on with it. */
  isAttended(): boolean {
    return this.#cli !== undefined && this.#now() - this.#heardAt < scaled(attendedMs);
  }

  /** Whether the CLI that attended is not to be expected back. Not before there was one. */
  isOrphaned(): boolean {
    return this.#cli !== undefined && this.#now() - this.#heardAt >= scaled(orphanMs);
  }
}
