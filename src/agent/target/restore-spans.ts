import type { SpanName } from '../../protocol/agent-events.ts';
import { now, tellSpan, type Tell } from '../clock.ts';

/** Each container's restore is one phase after the other; tells each when the next one begins. */
export class RestoreSpans {
  readonly #tell: Tell;
  readonly #current = new Map<string, { readonly name: SpanName; readonly from: number }>();

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  enter(container: string, name: SpanName): void {
    this.#tellCurrent(container);
    this.#current.set(container, { name, from: now() });
  }

  /** For every container that is in a phase now. */
  enterAll(name: SpanName): void {
    for (const container of this.#current.keys()) this.enter(container, name);
  }

  leave(container: string): void {
    this.#tellCurrent(container);
    this.#current.delete(container);
  }

  #tellCurrent(container: string): void {
    const current = this.#current.get(container);
    if (current) tellSpan(this.#tell, current.name, container, current.from, now());
  }
}
