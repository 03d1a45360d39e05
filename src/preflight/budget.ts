import { scaled } from '../deadlines.ts';
import type { Pod } from '../kube/types.ts';
import { finding, when, type Finding } from './finding.ts';
import { shortestPatience } from './patience.ts';

/** How long a pod may stand still before the commit. */
export interface FreezeBudget {
  readonly ms: number;
  /** What sets it, with its figures. */
  readonly by: string;
}

/** A pod that nothing presses is not to stand still for longer without its user's word. */
const mostMs = 120_000;
/** What a move takes in the freeze whatever it moves: processes are stopped, described and made again. */
const fixedMs = 800;
/** How fast CRIU writes memory to images, and reads it back, on a processor that is not new. */
const copiedBytesPerSecond = 1e9;
/** A link that nobody has measured: 1 Gbit/s with TLS on it. */
export const usualBytesPerSecond = 100e6;
/** More than a pod network gives. */
export const mostBytesPerSecond = 1.25e9;

/**
 * The budget of a freeze that begins soon. Pure.
 *
 * @param now ms since 1970
 * @param maxFreezeMs the user's word (`--max-freeze`), which counts more than any probe
 */
export function freezeBudget(pod: Pod, { now, maxFreezeMs }: { now: number; maxFreezeMs?: number | undefined }): FreezeBudget {
  if (maxFreezeMs !== undefined) return { ms: maxFreezeMs, by: '--max-freeze' };
  const patience = shortestPatience(pod, now);
  const most = scaled(mostMs);
  const ms = patience === undefined ? most : patience.ms - marginMs(patience.ms);
  if (patience === undefined || ms >= most) return { ms: most, by: 'no pod stands still for longer without --max-freeze' };
  return { ms, by: `${patience.of} gives it ${seconds(patience.ms)}` };
}

/** The way back takes time as well, and the kubelet's clock has begun before ours. */
function marginMs(patienceMs: number): number {
  return Math.round(Math.max(patienceMs / 10, Math.min(1000, patienceMs / 4)));
}

/** What has to travel while the pod stands still, and how fast. */
export interface Load {
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

/** About how long a pod stands still, ms. */
export function freezeEstimateMs({ bytes, bytesPerSecond }: Load): number {
  return scaled(fixedMs) + (bytes / bytesPerSecond + bytes / copiedBytesPerSecond) * 1000;
}

/** That a pod would stand still for longer than it may, with the figures; none when it would not. */
export function overBudget({ metadata }: Pod, budget: FreezeBudget, load: Load): Finding[] {
  const needsMs = freezeEstimateMs(load);
  if (needsMs <= budget.ms) return [];
  const bytes = load.bytes === 0 ? '' : ` (${megabytes(load.bytes)} at ${megabytes(load.bytesPerSecond)}/s)`;
  const text = `it would stand still for about ${seconds(needsMs)}${bytes} and may for ${seconds(budget.ms)}: ${budget.by}`;
  const remedy = 'give the probe more patience, or say how long it may stand still: --max-freeze';
  return [finding('KM-FREEZE-BUDGET', { kind: 'pod', name: metadata.name }, text, remedy)];
}

/** That the user lets the pod stand still for longer than somebody waits for it. */
export function overPatience(pod: Pod, now: number, maxFreezeMs: number | undefined): Finding[] {
  const patience = shortestPatience(pod, now);
  return when(
    maxFreezeMs !== undefined && patience !== undefined && maxFreezeMs > patience.ms,
    'KM-OVER-PATIENCE',
    { kind: 'pod', name: pod.metadata.name },
    `its freeze may take ${seconds(maxFreezeMs ?? 0)} (--max-freeze), and ${patience?.of} gives it ${seconds(patience?.ms ?? 0)}: after that its memory is lost`,
  );
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
