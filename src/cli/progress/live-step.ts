import type { MigrationEvent } from '../../migration/contract.ts';
import { bytesText, secondsText } from '../quantities.ts';

/** What there is to say about the step that is under way, out of the events so far. */
export class LiveStep {
  #message = '';
  #moved: { readonly bytes: number; readonly about: number; readonly since: number } | undefined;
  #frozenSince: number | undefined;

  /** @param now ms, by any clock that `text` is asked with as well */
  onEvent(event: MigrationEvent, now: number): void {
    if (event.type === 'step-started') {
      this.#message = '';
      this.#moved = undefined;
    } else if (event.type === 'step-progress') {
      this.#message = event.message;
    } else if (event.type === 'step-bytes') {
      this.#moved = { ...event, since: this.#moved?.since ?? now };
    } else if (event.type === 'stage' && event.stage === 'frozen') {
      this.#message = '';
      this.#frozenSince = now;
    } else if (event.type === 'step-failed' || (event.type === 'stage' && event.stage === 'running')) {
      this.#frozenSince = undefined;
    }
  }

  get isFrozen(): boolean {
    return this.#frozenSince !== undefined;
  }

  /** `the pod stands still: 0.41 s, 98 MB of about 131 MB, 310 MB/s`; empty when there is nothing to say. */
  text(now: number): string {
    const frozen = this.#frozenSince === undefined ? [] : [`the pod stands still: ${secondsText(now - this.#frozenSince)}`];
    return [...frozen, this.#message, ...this.#movedTexts(now)].filter((part) => part !== '').join(', ');
  }

  #movedTexts(now: number): string[] {
    if (!this.#moved || this.#moved.bytes === 0) return [];
    const { bytes, about, since } = this.#moved;
    const amount = about > bytes ? `${bytesText(bytes)} of about ${bytesText(about)}` : bytesText(bytes);
    // The first figures come when something has been sent for a while already: a rate needs two of them.
    return now > since ? [amount, `${bytesText((bytes / (now - since + firstMs)) * 1000)}/s`] : [amount];
  }
}

/** How long an agent has been sending when it tells for the first time (src/agent/source/progress.ts). */
const firstMs = 250;
