/** A numbered line of a workload: `tick 7 1795490469.069`, `step 7 …`, `ok 7 …`. */
export interface Step {
  readonly number: number;
  readonly ms: number;
}

export function stepsIn(text: string): Step[] {
  return [...text.matchAll(/^(?:tick|step|ok) (\d+) (\d+\.\d+)$/gm)].map(([, number, seconds]) => ({
    number: Number(number),
    ms: Number(seconds) * 1000,
  }));
}

/** Where a list of steps is not one after the other: `7 after 5`. Empty when there are some and none is missing or doubled. */
export function breaksIn(steps: readonly Step[]): string[] {
  if (steps.length === 0) return ['no step at all'];
  return steps.slice(1).flatMap(({ number }, index) => {
    const before = steps[index]?.number ?? 0;
    return number === before + 1 ? [] : [`${number} after ${before}`];
  });
}

/** The longest time between two steps, ms. */
export function longestGap(steps: readonly Step[]): number {
  return Math.max(...steps.slice(1).map(({ ms }, index) => ms - (steps[index]?.ms ?? ms)));
}
