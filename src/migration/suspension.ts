import { scaled } from '../deadlines.ts';

const lookMs = 1_000;
/** So long agents wait for a word of their CLI before they roll back. */
const noticedMs = 10_000;

/** Knows whether this process stood still for long: by Ctrl-Z, a debugger, a laptop that was shut. */
export class Suspension {
  #last = Date.now();
  #longestMs = 0;
  readonly #timer = setInterval(() => this.#look(), lookMs);

  /** For how long at a stretch, in whole seconds; undefined when agents did not notice. By the wall clock, which goes on in sleep. */
  get seconds(): number | undefined {
    this.#look();
    return this.#longestMs < scaled(noticedMs) ? undefined : Math.round(this.#longestMs / 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = Date.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#last - lookMs);
    this.#last = now;
  }
}
