import type { AgentEvent, SpanName } from '../protocol/agent-events.ts';

export type EventSink = (event: AgentEvent) => void;

/**
 * Milliseconds since 1970, with fractions, by a clock that never jumps while this process lives. The CLI learns how far
 * it is from its own (`hello`), so only the differences need to be right.
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Does the work and tells from when to when it lasted, if it came to its end. */
export async function timed<T>(emit: EventSink, name: SpanName, container: string | undefined, work: () => Promise<T>): Promise<T> {
  const from = now();
  const result = await work();
  emitSpan(emit, name, container, from, now());
  return result;
}

export function emitSpan(emit: EventSink, name: SpanName, container: string | undefined, from: number, to: number): void {
  emit({ type: 'span', name, ...(container === undefined ? {} : { container }), from, to });
}
