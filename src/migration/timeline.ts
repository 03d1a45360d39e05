import type { AgentSession } from './helpers/session.ts';
import type { OnEvent, StepName, Timeline, TimelineSpan } from './contract.ts';

/** Collects what the agents and the steps emit, on one clock. */
export class TimelineRecorder {
  readonly #onEvent: OnEvent;
  readonly #start = performance.now();
  readonly #spans: TimelineSpan[] = [];
  readonly #errorMs = { source: 0, target: 0 };

  constructor(onEvent: OnEvent) {
    this.#onEvent = onEvent;
  }

  /** From now on what this agent tells belongs to it. */
  follow(side: 'source' | 'target', session: AgentSession): void {
    this.#errorMs[side] = session.clock.errorMs;
    const ours = (theirs: number): number => theirs - session.clock.aheadMs - performance.timeOrigin - this.#start;
    session.listen((event) => {
      if (event.type === 'span') {
        const { name, container } = event;
        this.#add({ side, name, ...(container === undefined ? {} : { container }), fromMs: ours(event.from), toMs: ours(event.to) });
      }
    });
  }

  /** @param endedAt as performance.now() told it */
  stepEnded(name: StepName, ms: number, endedAt: number): void {
    const toMs = endedAt - this.#start;
    this.#add({ side: 'cli', name, fromMs: toMs - ms, toMs });
  }

  /** The pod stood still from the first freeze of the source on; the source measured how long. */
  frozen(ms: number): void {
    const freeze = this.#spans.find(({ name }) => name === 'freeze');
    if (freeze) this.#add({ side: 'source', name: 'frozen', fromMs: freeze.fromMs, toMs: freeze.fromMs + ms });
  }

  get timeline(): Timeline {
    const spans = this.#spans.toSorted((a, b) => a.fromMs - b.fromMs);
    return { spans, errorMs: { source: tenth(this.#errorMs.source), target: tenth(this.#errorMs.target) } };
  }

  #add({ fromMs, toMs, ...span }: TimelineSpan): void {
    const rounded = { ...span, fromMs: tenth(fromMs), toMs: tenth(toMs) };
    this.#spans.push(rounded);
    this.#onEvent({ type: 'span', ...rounded });
  }
}

function tenth(ms: number): number {
  return Math.round(ms * 10) / 10;
}
