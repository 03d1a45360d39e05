import type { Answer, InstanceReport } from './crowd.ts';

interface Known {
  readonly told: Set<number>;
  first: number;
  last: number;
}

/** What was known when a request was sent: the answer to it has to be later than all that. */
export type Floor = ReadonlyMap<string, number>;

/** Looks whether instances that count in memory are what they say. It holds for those whom nobody else makes count. */
export class Counts {
  readonly #known = new Map<string, Known>();
  readonly #faults: string[] = [];

  floor(): Floor {
    return new Map([...this.#known].map(([id, { last }]) => [id, last]));
  }

  answered({ id, count }: Answer, floor: Floor): void {
    const before = floor.get(id);
    if (before !== undefined && count <= before) this.#faults.push(`${id} went back: ${count} after ${before}`);
    const known = this.#known.get(id) ?? { told: new Set(), first: count, last: count };
    if (known.told.has(count)) this.#faults.push(`${id} said ${count} twice`);
    known.told.add(count);
    known.first = Math.min(known.first, count);
    known.last = Math.max(known.last, count);
    this.#known.set(id, known);
  }

  instances(): Record<string, InstanceReport> {
    return Object.fromEntries(
      [...this.#known].map(([id, { told, first, last }]) => [
        id,
        { answers: told.size, first, last, missing: last - first + 1 - told.size },
      ]),
    );
  }

  /** What no instance says that is one and keeps its memory: a count behind one that was told before the request was sent, or twice. */
  faults(): string[] {
    return [...this.#faults];
  }
}
