import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../build/cache.ts';
import { must } from '../build/run.ts';
import type { Outcome } from './cell.ts';
import type { ControlOutcome } from './controls.ts';

interface Kept {
  readonly cells: Readonly<Record<string, Outcome>>;
  readonly controls: Readonly<Record<string, ControlOutcome>>;
}

/** What an outcome depends on: a commit that changes none of it has the outcomes of the one before. */
const matters = ['src', 'native', 'criu', 'image', 'build', 'bed', 'chaos', 'test/workloads', 'package-lock.json'];

/** The outcomes of one commit, which a run that was ended goes on with. A tree with changes of its own has no commit. */
export class Results {
  readonly #file: string | undefined;
  #kept: Kept;

  private constructor(file: string | undefined) {
    this.#file = file;
    this.#kept = this.#read() ?? { cells: {}, controls: {} };
  }

  static async ofCommit(): Promise<Results> {
    const isChanged = (await must(['git', 'status', '--porcelain', '--untracked-files=no'])).trim() !== '';
    if (isChanged) return new Results(undefined);
    const trees = await must(['git', 'ls-tree', 'HEAD', ...matters]);
    const key = createHash('sha256').update(trees).digest('hex').slice(0, 16);
    mkdirSync(join(cacheRoot, 'chaos'), { recursive: true });
    return new Results(join(cacheRoot, 'chaos', `${key}.json`));
  }

  /** One that was run well. */
  goodCell(name: string): Outcome | undefined {
    const known = this.#kept.cells[name];
    return known?.verdict === 'good' ? known : undefined;
  }

  redControl(name: string): ControlOutcome | undefined {
    const known = this.#kept.controls[name];
    return known?.isRed ? known : undefined;
  }

  addCell(outcome: Outcome): void {
    this.#keep(({ cells, controls }) => ({ controls, cells: { ...cells, [outcome.cell]: outcome } }));
  }

  addControl(outcome: ControlOutcome): void {
    this.#keep(({ cells, controls }) => ({ cells, controls: { ...controls, [outcome.control]: outcome } }));
  }

  #read(): Kept | undefined {
    return this.#file !== undefined && existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Kept) : undefined;
  }

  /** Another run, on a second bed, may have added to it meanwhile. */
  #keep(change: (kept: Kept) => Kept): void {
    const kept = change(this.#read() ?? this.#kept);
    this.#kept = kept;
    if (this.#file === undefined) return;
    writeFileSync(`${this.#file}.draft`, JSON.stringify(kept, undefined, 1));
    renameSync(`${this.#file}.draft`, this.#file);
  }
}
