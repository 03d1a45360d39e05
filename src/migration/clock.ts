import { MigrateError } from '../errors.ts';
import type { OnEvent, StepName, StepReport } from './contract.ts';

interface Measures {
  readonly bytes?: number;
  readonly parts?: readonly StepReport[];
}

/** Runs the steps of a migration, measures them and tells about them. */
export class StepClock {
  readonly #onEvent: OnEvent;
  readonly #signal: AbortSignal;
  readonly #start = performance.now();
  readonly steps: StepReport[] = [];

  constructor(onEvent: OnEvent, signal: AbortSignal) {
    this.#onEvent = onEvent;
    this.#signal = signal;
  }

  get totalMs(): number {
    return performance.now() - this.#start;
  }

  /**
   * @param work gets a way to tell what it is at. Its result may tell the `bytes` that it moved, or the `parts` that it
   *   consisted of, when others measured them
   * @throws MigrateError (interrupted) when the user stopped it, else what the work throws
   */
  async step<T>(step: StepName, work: (say: (message: string) => void) => Promise<T>): Promise<T> {
    const start = performance.now();
    this.#onEvent({ type: 'step-started', step });
    try {
      this.#throwIfStopped();
      const result = await work((message) => this.#onEvent({ type: 'step-progress', step, message }));
      const { bytes = 0, parts = [{ name: step, ms: performance.now() - start, bytes }] } = (result ?? {}) as Measures;
      for (const part of parts) this.#record(part);
      return result;
    } catch (error) {
      this.#onEvent({ type: 'step-failed', step, ms: performance.now() - start, message: (error as Error).message });
      this.#throwIfStopped();
      throw error;
    }
  }

  #record({ name, ms, bytes }: StepReport): void {
    this.steps.push({ name, ms: Math.round(ms), bytes });
    this.#onEvent({ type: 'step-done', step: name, ms, bytes });
  }

  #throwIfStopped(): void {
    if (this.#signal.aborted) throw new MigrateError('interrupted', 'stopped', { cause: this.#signal.reason });
  }
}
