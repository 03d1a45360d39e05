import { MigrateError } from '../errors.ts';
import type { OnEvent, StepName, StepReport } from './contract.ts';
import type { Measures, Step, StepReporter } from './step.ts';
import type { TimelineRecorder } from './timeline.ts';

/** Runs the steps of a migration, measures them and tells about them. */
export class StepRunner {
  readonly #onEvent: OnEvent;
  readonly #timeline: TimelineRecorder;
  readonly #signal: AbortSignal;
  #ignoresStop = false;
  readonly #start = performance.now();
  readonly steps: StepReport[] = [];
  #current: { readonly step: StepName; readonly start: number } | undefined;

  constructor(onEvent: OnEvent, timeline: TimelineRecorder, signal: AbortSignal) {
    this.#onEvent = onEvent;
    this.#timeline = timeline;
    this.#signal = signal;
  }

  get totalMs(): number {
    return performance.now() - this.#start;
  }

  /** From here on a step may not be left where it is: whoever begins one minds the user's wish to stop, or there is only forward. */
  ignoreStop(): void {
    this.#ignoresStop = true;
  }

  /** @throws as {@link step} */
  async run<In, Out>({ name, run }: Step<In, Out>, input: In): Promise<Out> {
    const [onEvent, signal] = [this.#onEvent, this.#signal];
    return await this.step(name, async (reporter) => run(input, { ...reporter, onEvent, signal, ignoreStop: () => this.ignoreStop() }));
  }

  /**
   * @param work may return the measures of the step
   * @throws MigrateError (interrupted) when the user stopped it, else what the work throws
   */
  async step<T>(step: StepName, work: (voice: StepReporter) => Promise<T>): Promise<T> {
    this.#begin(step);
    try {
      this.#throwIfStopped();
      const result = await work({
        progress: (message) => this.#emit((current) => ({ type: 'step-progress', step: current, message })),
        bytes: (bytes, about) => this.#emit((current) => ({ type: 'step-bytes', step: current, bytes, about })),
      });
      this.#end((result ?? {}) as Measures);
      return result;
    } catch (error) {
      const { message } = error as Error;
      this.#emit((current, start) => ({ type: 'step-failed', step: current, ms: performance.now() - start, message }));
      this.#throwIfStopped();
      throw error;
    }
  }

  #begin(step: StepName): void {
    this.#current = { step, start: performance.now() };
    this.#onEvent({ type: 'step-started', step });
  }

  #end(measures: Measures): void {
    this.#emit((step, start) => {
      const { endedAt = performance.now(), ms = endedAt - start, bytes = 0 } = measures;
      this.steps.push({ name: step, ms: Math.round(ms), bytes });
      this.#timeline.stepEnded(step, ms, endedAt);
      return { type: 'step-done', step, ms, bytes };
    });
  }

  #emit(event: (step: StepName, start: number) => Parameters<OnEvent>[0]): void {
    if (this.#current) this.#onEvent(event(this.#current.step, this.#current.start));
  }

  #throwIfStopped(): void {
    if (this.#signal.aborted && !this.#ignoresStop) throw new MigrateError('interrupted', 'stopped', { cause: this.#signal.reason });
  }
}
