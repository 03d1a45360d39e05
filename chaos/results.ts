import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../build/cache.ts';
import { must } from '../build/run.ts';
import type { Outcome } from './cell.ts';

/** The outcomes of one commit, which a run that was ended goes on with. A tree with changes of its own has no commit. */
export class Results {
  readonly #file: string | undefined;
  readonly #outcomes: Map<string, Outcome>;

  private constructor(file: string | undefined) {
    this.#file = file;
    const known = file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Outcome[]) : [];
    this.#outcomes = new Map(known.map((one) => [one.cell, one]));
  }

  static async ofCommit(): Promise<Results> {
    const isChanged = (await must(['git', 'status', '--porcelain', '--untracked-files=no'])).trim() !== '';
    if (isChanged) return new Results(undefined);
    const commit = (await must(['git', 'rev-parse', 'HEAD'])).trim();
    mkdirSync(join(cacheRoot, 'chaos'), { recursive: true });
    return new Results(join(cacheRoot, 'chaos', `${commit}.json`));
  }

  of(cell: string): Outcome | undefined {
    return this.#outcomes.get(cell);
  }

  add(outcome: Outcome): void {
    this.#outcomes.set(outcome.cell, outcome);
    if (this.#file === undefined) return;
    writeFileSync(`${this.#file}.draft`, JSON.stringify([...this.#outcomes.values()], undefined, 1));
    renameSync(`${this.#file}.draft`, this.#file);
  }
}
