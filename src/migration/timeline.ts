import type { SpanName } from '../protocol/agent-events.ts';
import type { AgentSession } from './agent-session.ts';
import type { OnEvent, StepName } from './contract.ts';

/** Where something was done: by `kubectl migrate` itself, on the node that the pod left, on the one that it came to. */
export type Side = 'cli' | 'source' | 'target';

/** Something that took time, in ms since the migration began, by the CLI's clock. */
export interface TimelineSpan {
  readonly side: Side;
  readonly name: StepName | SpanName | 'frozen';
  /** The container that it was done for; none when it was the whole pod. */
  readonly container?: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Who did what when. The clocks of both nodes were compared with the CLI's; `errorMs` is how wrong that may be. */
export interface Timeline {
  readonly spans: readonly TimelineSpan[];
  readonly errorMs: { readonly source: number; readonly target: number };
}

/** Collects what the agents and the steps tell, on one clock. */
export class TimelineRecorder {
  readonly #onEvent: OnEvent;
  readonly #start = performance.now();
  readonly #spans: TimelineSpan[] = [];
  readonly #errorMs = { source: 0, target: 0 };

  constructor(onEvent: OnEvent) {
    this.#onEvent = onEvent;
  }

  /** From now on what this agent tells belongs to it. */
  follow(side: 'source' | 'target', { clock, listen }: AgentSession): void {
    this.#errorMs[side] = clock.errorMs;
    const ours = (theirs: number): number => theirs - clock.aheadMs - performance.timeOrigin - this.#start;
    listen((event) => {
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
