import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { TakenOver, type AgentSession } from '../helpers/session.ts';
import type { Outcome } from './endpoint.ts';

/** How long a node may refuse what it knows still. */
export const refusingMs = 30_000;

class StillRefused extends Error {}

/** Whether what takes the place of an agent could do no better: that is alive and cannot yet, or another command attends it. */
export function isFinal(error: unknown, outcome: Outcome): boolean {
  return error instanceof StillRefused || (outcome === 'given-up' && error instanceof TakenOver);
}

/**
 * Of a pod that has moved. As long as a kubelet still knows one that is not to run there, the agent keeps it from being started.
 *
 * @throws Error when it still does after a while, or the agent is dead
 */
export async function cleanByAgent(agent: AgentSession | undefined): Promise<void> {
  if (!agent) throw new Error('its agent is dead');
  const deadline = performance.now() + scaled(refusingMs);
  while ((await agent.call('cleanup', null, 30_000)).refusing) {
    if (performance.now() > deadline) throw new StillRefused('its kubelet still knows the pod, which must not be started there');
    await delay(1_000);
  }
}
