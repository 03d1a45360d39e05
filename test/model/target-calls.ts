import type { TargetEvent } from '../../src/agent/target/states.ts';
import { feedTarget } from './agents.ts';
import type { TargetQuestion } from './command.ts';
import type { Machines } from './machines.ts';
import { afterGo, hasMoved, isGone, standsOrIsGone, targetFact } from './target-agent.ts';
import type { Call, World } from './world.ts';

/** A call to the agent, if that is there; it answers nothing while a commit is under way. */
function call(deliver: Call['deliver'], reply: Call['reply']): Call {
  return {
    deliver: (world, machines) => {
      if (world.target.isAlive) deliver(world, machines);
    },
    reply: (world, machines) => {
      const { isAlive, todo, state } = world.target;
      if (!isAlive) return 'lost';
      return todo.length > 0 || state.at === 'committing' ? undefined : reply(world, machines);
    },
  };
}

/** What the machine does not take fails, and changes nothing. */
function tryEvent({ target }: World, event: TargetEvent, { targetNext }: Machines): boolean {
  try {
    const { state, effects } = targetNext(target.state, event);
    target.state = state;
    target.todo.push(...effects);
    return true;
  } catch {
    return false;
  }
}

/** Without effect on a commit under way, which is waited for. */
const giveUp: Call['deliver'] = (world, machines) => void feedTarget(world, { type: 'fail', reason: 'it was given up' }, machines);

const cleanup = call(giveUp, (world) => {
  const { node, link } = world;
  if (!hasMoved(world) && node.pod === 'there') return 'refusing';
  if (!hasMoved(world) && !isGone(node)) return undefined;
  Object.assign(link, { isUp: false, toTarget: [] });
  node.isAwaited = node.isNoted = false;
  return 'ok';
});

/** What a helper does that is sent to the node of an agent that is dead. */
function sweep(world: World): string | undefined {
  const { node } = world;
  if (!isGone(node) && node.decision !== 'go') return node.pod === 'deleted' ? undefined : 'failed';
  node.isAwaited = node.isNoted = false;
  return 'ok';
}

/** src/agent/target/{end,target}.ts */
export const targetCalls: Readonly<Record<TargetQuestion, Call>> = {
  'target.await': call(
    (world, machines) => {
      const containers = world.node.containers.map(({ name }) => name);
      world.node.isAwaited = tryEvent(world, { type: 'await', containers, initContainers: [] }, machines);
    },
    ({ node }) => (node.isAwaited ? 'ok' : 'failed'),
  ),
  "ask the target's node": {
    deliver: () => undefined,
    reply: ({ node }) => {
      if (!node.isNoted) return 'silent';
      if (node.containers.every(({ begun }) => begun === '')) return 'never';
      if (node.decision === 'go') return afterGo(node);
      return node.decision === 'kill' && standsOrIsGone(node) ? 'never' : undefined;
    },
  },
  'make the standby': {
    deliver: ({ node }) => void (node.pod = 'there'),
    reply: ({ target }) => {
      if (!target.isAlive) return 'lost';
      if (target.state.at === 'failed') return 'failed';
      return target.isArmed ? 'ok' : undefined;
    },
  },
  'target.state': call(
    () => undefined,
    (world, machines) => targetFact(world, machines, false),
  ),
  'target.commit': call(
    (world, machines) => {
      if (machines.factOf(world.target.state) !== 'runs') tryEvent(world, { type: 'commit' }, machines);
    },
    (world, machines) => {
      const fact = targetFact(world, machines, true);
      return fact === 'runs' || fact === 'ended' ? fact : 'failed';
    },
  ),
  'target.abort': call(giveUp, (world, machines) => targetFact(world, machines, true)),
  'target.cleanup': { ...cleanup, reply: (world, machines) => (world.target.isAlive ? cleanup.reply(world, machines) : sweep(world)) },
  'delete the standby': {
    deliver: ({ node }) => {
      if (node.pod === 'there') node.pod = 'deleted';
    },
    reply: () => 'ok',
  },
};
