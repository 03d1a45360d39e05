import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../../build/cache.ts';
import { must } from '../../build/run.ts';
import type { Try } from './race.ts';

/** What a race depends on. */
const matters = ['src/kube', 'src/owners/replace', 'test/races', 'bed', 'package-lock.json'];

export interface Raced {
  readonly owner: string;
  readonly delayMs: number;
  readonly commit: string;
  readonly tries: readonly Try[];
}

/** The tries of one commit, which a run that was ended goes on with. A tree with changes of its own has none. */
export class Results {
  readonly commit: string;
  readonly #file: string | undefined;
  readonly #kept: Map<string, Raced>;

  private constructor(commit: string, file: string | undefined) {
    this.commit = commit;
    this.#file = file;
    const known = file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Raced[]) : [];
    this.#kept = new Map(known.map((one) => [`${one.owner}/${one.delayMs}`, one]));
  }

  static async ofCommit(): Promise<Results> {
    const commit = (await must(['git', 'rev-parse', '--short', 'HEAD'])).trim();
    const isChanged = (await must(['git', 'status', '--porcelain', '--', ...matters])).trim() !== '';
    if (isChanged) return new Results(`${commit} with changes`, undefined);
    const key = createHash('sha256')
      .update(await must(['git', 'ls-tree', 'HEAD', ...matters]))
      .digest('hex')
      .slice(0, 16);
    mkdirSync(join(cacheRoot, 'races'), { recursive: true });
    return new Results(commit, join(cacheRoot, 'races', `${key}.json`));
  }

  get all(): readonly Raced[] {
    return [...this.#kept.values()];
  }

  of(owner: string, delayMs: number): readonly Try[] {
    return this.#kept.get(`${owner}/${delayMs}`)?.tries ?? [];
  }

  add(owner: string, delayMs: number, one: Try): void {
    this.#kept.set(`${owner}/${delayMs}`, { owner, delayMs, commit: this.commit, tries: [...this.of(owner, delayMs), one] });
    if (this.#file === undefined) return;
    writeFileSync(`${this.#file}.draft`, JSON.stringify(this.all, undefined, 1));
    renameSync(`${this.#file}.draft`, this.#file);
  }
}
