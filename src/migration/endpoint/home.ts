import { randomBytes } from 'node:crypto';
import type { SourceFact } from '../../protocol/settle.ts';
import { sourceHelper } from '../helpers/pods.ts';
import { AgentSession } from '../helpers/session.ts';
import { startHelper } from '../helpers/start.ts';
import { sourceText } from '../plan.ts';
import { podOnNode } from '../pod-on-node.ts';
import type { Ground } from '../underway.ts';
import { cleanByAgent, isFinal } from './clean-by-agent.ts';
import type { Endpoint } from './endpoint.ts';

/** The end at home: its agent is joined by exec, and can be replaced by another one. */
export interface HomeEndpoint extends Endpoint {
  /** Puts a new agent on the node in the place of one that died. @throws Error when it does not start there */
  readonly replaceAgent: () => Promise<AgentSession>;
}

export function homeEndpoint(ground: Ground): HomeEndpoint {
  const start = async (role: 'source' | 'rescue', signal: AbortSignal): Promise<AgentSession> => {
    const { move, clusters } = ground;
    const { sourceNode } = move;
    if (sourceNode === undefined) throw new Error('nobody knows its node any more');
    const pod = sourceHelper({ ...move, sourceNode }, role);
    if (role === 'rescue') pod.metadata.name = `${pod.metadata.name}-${randomBytes(2).toString('hex')}`;
    const running = await startHelper(ground, pod, signal);
    end.agent = await AgentSession.open(clusters.home, running, { role: 'source', migration: move.id }, signal);
    return end.agent;
  };
  const end: HomeEndpoint = {
    role: 'source',
    node: ground.move.sourceNode,
    agent: undefined,
    where: () => sourceText(ground.move),
    startAgent: async (_say, signal) => {
      const agent = await start('source', signal);
      return { agent, helper: agent.pod, pins: new Map() };
    },
    replaceAgent: async () => {
      end.agent?.close();
      end.agent = undefined;
      return await start('rescue', new AbortController().signal);
    },
    clean: async (outcome) => {
      try {
        if (outcome === 'given-up') await giveBack(end.agent, async (agent) => agent.call('source.abort', null, 130_000));
        else await cleanByAgent(end.agent);
      } catch (error) {
        if (isFinal(error, outcome) || error instanceof HandedOver) throw error;
        // It has to be told whose the pod is: an agent without the claim takes neither that nor the fence away.
        const params = { ...podOnNode(ground.move), targetNeverRan: false };
        const takeOver = async (agent: AgentSession): Promise<{ state: SourceFact }> => agent.call('source.takeover', params, 130_000);
        const other = await end.replaceAgent();
        if (outcome === 'given-up') return await giveBack(other, takeOver);
        await takeOver(other);
        await cleanByAgent(other);
      }
    },
  };
  return end;
}

class HandedOver extends Error {}

/** @param end lets the pod run, unless it is handed over */
async function giveBack(agent: AgentSession | undefined, end: (agent: AgentSession) => Promise<{ state: SourceFact }>): Promise<void> {
  if (!agent) throw new Error('its agent is dead');
  const { state } = await end(agent);
  if (state === 'committed') throw new HandedOver('its agent has handed the pod over, which stays frozen there');
  await agent.call('cleanup', null, 20_000);
}
