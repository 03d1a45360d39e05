import { after, isQuietWith, movesOf } from './explore.ts';
import type { Machines } from './machines.ts';
import { broken, brokenAtEnd, brokenWhenQuiet } from './properties.ts';
import type { World } from './world.ts';

/** One way through the world: which of the steps that can come does, and what mishaps befall it when. */
export interface Way {
  readonly choices: readonly number[];
  readonly mishaps: readonly { readonly at: number; readonly which: number }[];
}

const mostSteps = 400;

/** @throws Error with the steps that led to it, when something does not hold on this way */
export function walk(first: World, { choices, mishaps }: Way, machines: Machines): void {
  const steps: string[] = [];
  const require = (what: string | undefined): void => {
    if (what !== undefined) throw new Error(`${what}\n  ${steps.join('\n  ')}`);
  };
  let world = first;
  for (let at = 0; ; at++) {
    const moves = movesOf(world, machines);
    const isQuiet = isQuietWith(moves);
    if (isQuiet && moves.some(({ kind }) => kind === 'patience')) require(brokenWhenQuiet(world));
    const isDue = (kind: string): boolean => kind === 'mishap' || (kind === 'patience' && !isQuiet);
    const strokes = moves.filter(({ kind }) => isDue(kind));
    const others = moves.filter(({ kind }) => !isDue(kind));
    const stroke = mishaps.find((one) => one.at === at);
    const move = (stroke && strokes[stroke.which % strokes.length]) ?? others[(choices[at] ?? 0) % others.length];
    if (!move) return require(brokenAtEnd(world));
    if (at > mostSteps) require('it never ends');
    world = after(world, move, isQuiet);
    steps.push(move.name);
    require(broken(world));
  }
}
