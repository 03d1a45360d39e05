/** One thing that was made, and how to take it away again. */
interface Undo {
  readonly what: string;
  readonly run: () => Promise<void>;
}

/** What must be rolled back when a migration does not come to its commit; the last one first. */
export class UndoList {
  #undos: Undo[] = [];

  add(what: string, run: () => Promise<void>): void {
    this.#undos.push({ what, run });
  }

  get isEmpty(): boolean {
    return this.#undos.length === 0;
  }

  /** After the commit nothing is rolled back any more. */
  forget(): void {
    this.#undos = [];
  }

  /**
   * Takes everything back, also when a part of it fails.
   *
   * @returns what could not be rolled back, with the reason; empty when all is as it was
   */
  async run(): Promise<string[]> {
    const failures: string[] = [];
    for (const { what, run } of this.#undos.toReversed()) {
      try {
        await run();
      } catch (error) {
        failures.push(`${what}: ${(error as Error).message}`);
      }
    }
    this.#undos = [];
    return failures;
  }
}
