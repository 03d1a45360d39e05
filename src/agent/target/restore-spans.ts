import type { SpanName } from '../../protocol/agent-events.ts';
import { now, emitSpan, type EventSink } from '../clock.ts';

/** Each container's restore is one phase after the other; tells each when the next one begins. */
export class RestoreSpans {
  readonly #emit: EventSink;
  readonly #current = new Map<string, { readonly name: SpanName; readonly from: number }>();

  constructor(emit: EventSink) {
    this.#emit = emit;
  }

  enter(container: string, name: SpanName): void {
    this.#emitCurrent(container);
    this.#current.set(container, { name, from: now() });
  }

  /** For every container that is in a phase now. */
  enterAll(name: SpanName): void {
    for (const container of this.#current.keys()) this.enter(container, name);
  }

  leave(container: string): void {
    this.#emitCurrent(container);
    this.#current.delete(container);
  }

  #emitCurrent(container: string): void {
    const current = this.#current.get(container);
    if (current) emitSpan(this.#emit, current.name, container, current.from, now());
  }
}
