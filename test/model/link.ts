import { agentAt } from './agents.ts';
import type { Move, ToSource, World } from './world.ts';

/** What becomes of the link between the agents, and of what the target says. Messages keep their order, as TCP does. */
export function linkMoves({ link, agents: [agent] }: World): Move[] {
  const moves: Move[] = [];
  const [message] = link.toSource;
  if (message !== undefined && agent?.isAlive && agent.todo.length === 0)
    moves.push({
      name: `"${message}" comes to the source`,
      kind: 'free',
      step: (world) => hear(world, world.link.toSource.shift() as ToSource),
    });
  if (link.isUp)
    moves.push({
      name: 'the link is cut, and what is on its way is lost',
      kind: 'mishap',
      step: (world) => Object.assign(world.link, { isUp: false, toTarget: [], toSource: [] }),
    });
  if (link.isUp && link.toTarget.length > 0)
    moves.push({ name: 'a message to the target is lost', kind: 'mishap', step: (world) => void world.link.toTarget.shift() });
  if (!link.isUp && message === undefined && !link.isLossSeenBySource && agent?.isAlive)
    moves.push({
      name: 'the source finds its link lost',
      kind: 'free',
      step: (world) => {
        world.link.isLossSeenBySource = true;
        agentAt(world, 0).isTargetLost = true;
      },
    });
  return moves;
}

function hear(world: World, message: ToSource): void {
  const agent = agentAt(world, 0);
  if (message === 'failed') agent.isTargetLost = true;
  else agent.heard.push(message);
}
