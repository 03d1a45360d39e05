/**
 * The stretches of a migration in which a fault is put, in their order. Each begins and ends with something that the command
 * itself tells by `--events`, or that can be seen on a node.
 */
export const windows = ['prepare', 'precopy', 'standby', 'frozen', 'restore', 'held', 'committed', 'cutover', 'cleanup'] as const;
export type Window = (typeof windows)[number];

/** What is told or seen, and by which both ends of a window are known. */
export const marks = [
  'step prepare',
  'step precopy',
  'step standby',
  'step checkpoint',
  'stage frozen',
  'stage sent',
  'all held',
  'source decided',
  'target decided',
  'step cutover',
  'step cleanup',
  'result',
] as const;
export type Mark = (typeof marks)[number];

export const edges: Readonly<Record<Window, { readonly from: Mark; readonly to: Mark }>> = {
  prepare: { from: 'step prepare', to: 'step precopy' },
  precopy: { from: 'step precopy', to: 'step standby' },
  standby: { from: 'step standby', to: 'stage frozen' },
  frozen: { from: 'stage frozen', to: 'stage sent' },
  restore: { from: 'stage sent', to: 'all held' },
  held: { from: 'all held', to: 'source decided' },
  committed: { from: 'source decided', to: 'target decided' },
  cutover: { from: 'step cutover', to: 'step cleanup' },
  cleanup: { from: 'step cleanup', to: 'result' },
};

/** What was seen when, ms since 1970. */
export type Seen = ReadonlyMap<Mark, number>;

/** Others are seen on the nodes themselves, where nothing changes while those who would are suspended. */
function isTold(mark: Mark): boolean {
  return !['all held', 'source decided', 'target decided'].includes(mark);
}

/**
 * Why a fault does not count as put into that window; undefined when it does. What a command tells is heard a moment after
 * it was: such an end must be heard well after the fault. Of an end that is seen on a node itself the order tells enough: whoever
 * would bring it about is suspended until the fault has been carried out (open.ts).
 *
 * @param fault when it was begun and when it had been carried out
 * @param lagMs how late what is told can be heard
 */
export function whyMissed(
  window: Window,
  seen: Seen,
  fault: { readonly fromMs: number; readonly toMs: number },
  lagMs: number,
): string | undefined {
  const { from, to } = edges[window];
  const beginMs = seen.get(from);
  if (beginMs === undefined) return `"${from}" was never seen`;
  if (fault.fromMs < beginMs) return `the fault came ${(beginMs - fault.fromMs).toFixed(0)} ms before "${from}"`;
  const lag = isTold(to) ? lagMs : 0;
  const early = marks.slice(marks.indexOf(to)).find((mark) => (seen.get(mark) ?? Infinity) - lag < fault.toMs);
  return early === undefined ? undefined : `"${early}" was seen ${((seen.get(early) ?? 0) - fault.toMs).toFixed(0)} ms after the fault`;
}
