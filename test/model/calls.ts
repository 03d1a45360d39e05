import { course, type Question } from './command.ts';
import type { Machines } from './machines.ts';
import { sourceCalls } from './source-calls.ts';
import { targetCalls } from './target-calls.ts';
import { copyOf, type Call, type Cli, type End, type Move, type Phase, type World } from './world.ts';

/** So many times the same command is given again. */
const mostCommands = 3;

const calls: Readonly<Record<Question, Call>> = { ...sourceCalls, ...targetCalls };

/** What the command does next, and what becomes of it. */
export function commandMoves(world: World, machines: Machines): Move[] {
  const { cli } = world;
  if (cli.end !== 'none' || !cli.isAlive) {
    if (cli.earlier >= mostCommands || (cli.isAlive && cli.end !== 'in doubt')) return [];
    return [{ name: 'the same command is given again', kind: 'free', step: giveAgain }];
  }
  const next = course(cli.phase, cli.answers, machines);
  if ('leads' in next) return [{ name: `the command: ${next.leads}`, kind: 'at once', step: (one) => goOn(one, next.leads) }];
  const { ask } = next;
  const moves: Move[] = [];
  if (cli.earlier < mostCommands)
    moves.push({
      name: 'the command is killed',
      kind: 'mishap',
      step: (one) => void Object.assign(one.cli, { isAlive: false, isAsked: false, answers: [] }),
    });
  const answer = (name: string, of: (one: World) => string, kind: Move['kind'] = 'free'): void => {
    moves.push({ name, kind, step: (one) => hear(one.cli, of(one)) });
  };
  if (!cli.isAsked) {
    moves.push({
      name: `the command asks: ${ask}`,
      kind: 'free',
      step: (one) => {
        one.cli.isAsked = true;
        calls[ask].deliver(one, machines);
      },
    });
    answer(`the command cannot ask: ${ask}`, () => 'lost', 'mishap');
    return moves;
  }
  const told = calls[ask].reply(copyOf(world), machines);
  if (told !== undefined) answer(`the command hears on ${ask}: ${told}`, (one) => calls[ask].reply(one, machines) ?? 'lost', 'at once');
  // Every call has a deadline.
  if (told !== 'lost') answer(`no answer comes: ${ask}`, () => 'lost', 'patience');
  return moves;
}

function goOn(world: World, then: End | Phase): void {
  world.cli.answers = [];
  if (then === 'move' || then === 'settle' || then === 'roll back' || then === 'cut over') world.cli.phase = then;
  else world.cli.end = then;
  // What befalls a pod that is no business of ours any more is not looked at.
  if (then !== 'in doubt' && then === world.cli.end) world.mishaps = 0;
}

function giveAgain(world: World): void {
  const living = world.agents.findLastIndex(({ isAlive }) => isAlive);
  world.cli = {
    isAlive: true,
    earlier: world.cli.earlier + 1,
    phase: 'settle',
    answers: [],
    agent: Math.max(living, 0),
    isAsked: false,
    end: 'none',
  };
}

function hear(cli: Cli, answer: string): void {
  cli.answers.push(answer);
  cli.isAsked = false;
}
