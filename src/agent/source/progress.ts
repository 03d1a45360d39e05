import type { CheckpointResult } from '../../protocol/agent-calls.ts';
import type { Stage } from '../../protocol/agent-events.ts';
import type { EventSink } from '../clock.ts';
import type { PeerLink } from '../peer/link.ts';

const bytesIntervalMs = 250;

/** Tells from time to time how much has been sent since now, as long as it grows. @returns what ends it */
export function emitBytes(emit: EventSink, link: PeerLink): () => void {
  const before = link.sent.bytes;
  let told = 0;
  const timer = setInterval(() => {
    const bytes = link.sent.bytes - before;
    if (bytes > told) emit({ type: 'bytes', bytes });
    told = bytes;
  }, bytesIntervalMs);
  return () => clearInterval(timer);
}

/**
 * Begins to measure the frozen part.
 *
 * @returns to be called when a stage is reached; tells it, and returns the figures since the beginning
 */
export function emitStages(emit: EventSink, link: PeerLink): (stage: Stage) => CheckpointResult {
  const begin = { at: performance.now(), bytes: link.sent.bytes };
  let last = begin;
  return (stage) => {
    const here = { at: performance.now(), bytes: link.sent.bytes };
    emit({ type: 'stage', stage, ms: here.at - last.at, bytes: here.bytes - last.bytes });
    last = here;
    return { frozenMs: here.at - begin.at, bytes: here.bytes - begin.bytes };
  };
}
