/**
 * One factor for all deadlines of ours, at both ends: slow machines and emulated ones need more of everything. The CLI reads
 * it from KUBECTL_MIGRATE_DEADLINE_FACTOR and hands it to the agents that it starts. What others bound (a kubelet's patience
 * with a pod that stands still) is no deadline of ours.
 */
let factor = 1;
let othersFactor = (): number => 1;

const largestFactor = 100;

/** The factor that a text names. @returns undefined when it is none from 1 to 100 */
export function readDeadlineFactor(text: string): number | undefined {
  const value = Number(text);
  return text.trim() !== '' && value >= 1 && value <= largestFactor ? value : undefined;
}

/** Once, before anything waits. */
export function setDeadlineFactor(value: number): void {
  factor = value;
}

/**
 * For an agent: what it waits for may have been told a larger one by another migration (src/agent/node/install.ts), and must not
 * outlast the agent's patience. @param ask is asked for each deadline, as others come and go
 */
export function heedFactorOfOthers(ask: () => number): void {
  othersFactor = ask;
}

/** Our own. */
export function deadlineFactor(): number {
  return factor;
}

/** A deadline as it counts on this machine; in whatever unit it came. */
export function scaled(deadline: number): number {
  return deadline * Math.max(factor, othersFactor());
}
