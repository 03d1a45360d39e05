/** What is measured: pods of so many containers with so much random memory each. */
export interface Case {
  readonly name: string;
  readonly containers: number;
  readonly megabytes: number;
}

export const cases: readonly Case[] = [
  { name: '1x10MB', containers: 1, megabytes: 10 },
  { name: '2x64MB', containers: 2, megabytes: 64 },
  { name: '1x512MB', containers: 1, megabytes: 512 },
  { name: '10x10MB', containers: 10, megabytes: 10 },
];

/** The period of the workload's ticks: a gap is told less one of them. */
export const periodMs = 5;

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return { median: Math.round(median), min: Math.round(sorted[0] ?? 0), max: Math.round(sorted.at(-1) ?? 0) };
}
