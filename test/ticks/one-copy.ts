import type { Tick } from './tick.ts';

export interface Expected {
  /** Where the pod ticked, one after the other: `['home']` after an abort, `['home', 'away']` after a move. */
  readonly sides: readonly Tick['side'][];
  /** A moment in which the pod stood still and that is not later than the commit: nothing is received from the source after it, or from
   * the target before it. */
  readonly commitMs?: number;
}

/**
 * What speaks against "one copy of the pod, with its memory" in all ticks of one pod, in the order of their arrival; empty when
 * nothing does. No ticks are no proof, and neither are ticks of the wrong side.
 */
export function faultsIn(ticks: readonly Tick[], { sides, commitMs }: Expected): string[] {
  if (ticks.length === 0) return ['no tick at all'];
  return [
    ...inTheirPlaces(ticks, sides),
    ...(commitMs === undefined ? [] : aroundCommit(ticks, sides, commitMs)),
    ...copiesAtOnce(ticks),
    ...grouped(ticks, ({ container }) => container).flatMap(startsAfresh),
    ...grouped(ticks, streamOf).flatMap((stream) => [...breaks(stream), ...staysBehind(stream, ticks)]),
  ];
}

/** A process that ticks: its container's name and its own. */
export function streamOf({ container, process }: Tick): string {
  return `${container}/${process}`;
}

function copyOf({ side, address }: Tick): string {
  return `${side} (${address})`;
}

/** `main/child 47 at away (10.102.1.5)` */
function named(tick: Tick): string {
  return `${streamOf(tick)} ${tick.number} at ${copyOf(tick)}`;
}

function inTheirPlaces(ticks: readonly Tick[], sides: readonly string[]): string[] {
  const seen = grouped(ticks, copyOf).map(([first]) => first?.side);
  return seen.join() === sides.join() ? [] : [`ticked at ${seen.join(', then ')} instead of ${sides.join(', then ')}`];
}

function aroundCommit(ticks: readonly Tick[], [source]: readonly string[], commitMs: number): string[] {
  const wrong = ticks.filter(({ side, receivedMs }) => (side === source ? receivedMs > commitMs : receivedMs < commitMs));
  return grouped(wrong, copyOf).map(([first, ...more]) => {
    const ms = (first?.receivedMs ?? 0) - commitMs;
    const when = `${Math.abs(ms).toFixed(1)} ms ${ms > 0 ? 'after' : 'before'} the commit`;
    return `${first && named(first)} ${when}, and ${more.length} more ticks`;
  });
}

/** Copies of which one ticked on after the other had begun. */
function copiesAtOnce(ticks: readonly Tick[]): string[] {
  return grouped(ticks, copyOf).flatMap(([begun], index, copies) =>
    copies.slice(0, index).flatMap(([earlier]) => {
      if (begun === undefined || earlier === undefined) return [];
      const late = ticks.slice(ticks.indexOf(begun)).filter(({ address }) => address === earlier.address);
      const last = late.at(-1);
      if (last === undefined) return [];
      const ms = (last.receivedMs - begun.receivedMs).toFixed(1);
      return [`two copies at once: after ${named(begun)} still ${late.length} ticks for ${ms} ms, the last one ${named(last)}`];
    }),
  );
}

function startsAfresh(container: readonly Tick[]): string[] {
  return grouped(container, ({ boot }) => boot)
    .slice(1)
    .map(([first]) => `${first?.container} started afresh at ${first && copyOf(first)}: its memory is another one`);
}

/** Which numbers of a process are missing, and which came again. Those of a fresh start are told as such. */
function breaks(stream: readonly Tick[]): string[] {
  return grouped(stream, ({ boot }) => boot).flatMap((ticks) => {
    const sorted = ticks.toSorted((one, other) => one.number - other.number);
    const steps = sorted.slice(1).map((tick, index) => ({ tick, before: sorted[index]?.number ?? 0 }));
    const doubled = steps.filter(({ tick, before }) => tick.number === before);
    const missing = steps.filter(({ tick, before }) => tick.number > before + 1);
    return [
      ...(doubled[0] ? [`${doubled.length} ticks doubled, the first one ${named(doubled[0].tick)}`] : []),
      ...missing.map(({ tick, before }) => `${named(tick)} came after ${before}`),
    ];
  });
}

/** A process that is not seen where the pod was seen last. */
function staysBehind(stream: readonly Tick[], ticks: readonly Tick[]): string[] {
  const [mine, last] = [stream.at(-1), grouped(ticks, copyOf).at(-1)?.[0]];
  if (mine === undefined || last === undefined || stream.some(({ address }) => address === last.address)) return [];
  return [`${streamOf(mine)} never ticked at ${copyOf(last)}`];
}

function grouped(ticks: readonly Tick[], keyOf: (tick: Tick) => string): Tick[][] {
  return [...Map.groupBy(ticks, keyOf).values()];
}
