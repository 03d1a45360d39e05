import { commandMoves } from './calls.ts';
import { linkMoves } from './link.ts';
import type { Machines } from './machines.ts';
import { broken, brokenAtEnd, brokenWhenQuiet } from './properties.ts';
import { sourceAgentMoves } from './source-agent.ts';
import { sourceNodeMoves } from './source-node.ts';
import { targetAgentMoves } from './target-agent.ts';
import { targetNodeMoves } from './target-node.ts';
import { copyOf, type Move, type World } from './world.ts';

export interface Found {
  /** How many worlds were seen. */
  readonly worlds: number;
  /** Which ends a command had. */
  readonly ends: ReadonlySet<string>;
  /** What does not hold, and by which steps it came to that. */
  readonly wrong?: { readonly what: string; readonly steps: readonly string[] };
}

interface Seen {
  readonly world: World;
  readonly by: string;
  readonly from: Seen | undefined;
}

/** All that can happen next. Patience ends by itself when nothing else happens. */
export function movesOf(world: World, machines: Machines): Move[] {
  const all = [
    ...sourceNodeMoves(world),
    ...sourceAgentMoves(world, machines),
    ...linkMoves(world),
    ...targetAgentMoves(world, machines),
    ...targetNodeMoves(world),
    ...commandMoves(world, machines),
  ];
  const isQuiet = isQuietWith(all);
  const atOnce = all.find(({ kind }) => kind === 'at once');
  return all.filter((one) => {
    if (one.kind === 'mishap') return world.mishaps > 0;
    if (one.kind === 'patience') return isQuiet || world.mishaps > 0;
    return !atOnce || one === atOnce;
  });
}

export function isQuietWith(moves: readonly Move[]): boolean {
  return !moves.some(({ kind }) => kind === 'free' || kind === 'at once');
}

/** What a step leads to. */
export function after(world: World, move: Move, isQuiet: boolean): World {
  const next = copyOf(world);
  if (move.kind === 'mishap' || (move.kind === 'patience' && !isQuiet)) {
    next.mishaps--;
    next.befallen++;
  }
  move.step(next);
  return next;
}

/** Every world that can come of this one, the nearest first, until something does not hold in one of them. */
export function explore(first: World, machines: Machines): Found {
  const seen = new Set<string>();
  const ends = new Set<string>();
  let wave: Seen[] = [{ world: first, by: 'it begins', from: undefined }];
  const told = (one: Seen, what: string): Found => ({ worlds: seen.size, ends, wrong: { what, steps: stepsTo(one) } });
  for (; wave.length > 0;) {
    const later: Seen[] = [];
    for (const one of wave) {
      const moves = movesOf(one.world, machines);
      const isQuiet = isQuietWith(moves);
      if (isQuiet) {
        const isPatient = moves.some(({ kind }) => kind === 'patience');
        if (!isPatient) ends.add(one.world.cli.end);
        const what = isPatient ? brokenWhenQuiet(one.world) : brokenAtEnd(one.world);
        if (what !== undefined) return told(one, what);
      }
      for (const move of moves) {
        const world = after(one.world, move, isQuiet);
        const key = JSON.stringify(world);
        if (seen.has(key)) continue;
        seen.add(key);
        const next: Seen = { world, by: move.name, from: one };
        const what = broken(world);
        if (what !== undefined) return told(next, what);
        later.push(next);
      }
    }
    wave = later;
  }
  return { worlds: seen.size, ends };
}

function stepsTo(one: Seen): string[] {
  const steps: string[] = [];
  for (let at: Seen | undefined = one; at; at = at.from) steps.unshift(at.by);
  return steps;
}
