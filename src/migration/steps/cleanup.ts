import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import type { Role } from '../../protocol/agent-calls.ts';
import type { AgentSession } from '../helpers/session.ts';
import { cleanTargetNode } from '../helpers/on-target-node.ts';
import { replaceSource } from '../helpers/replace-source.ts';
import { podOnNode } from '../pod-on-node.ts';
import type { Step } from '../step.ts';
import type { Underway } from '../underway.ts';
import { removals } from '../write.ts';
import type { Committed } from './cutover/cutover.ts';
import { prepare } from './prepare.ts';

/** Removes what the migration made for itself, on both nodes and in both clusters. Never throws: the pod has moved. */
export const cleanup: Step<Committed, { readonly notes: readonly string[] }> = {
  name: 'cleanup',
  writes: (draft) => removals(prepare.writes(draft)),
  run,
};

/** @returns what could not be removed, item by item */
async function run({ underway, remote }: Committed): Promise<{ notes: string[] }> {
  const { made } = underway;
  // The target's word goes last: without it a command that finds the source's commit could not know what became of it.
  const notes = [...(await cleanNode(underway, remote, 'source')), ...(await cleanNode(underway, remote, 'target'))];
  // An agent that still refuses the pod cleans up when its kubelet lets go of that, if that comes soon.
  const isLeft = notes.length > 0;
  await Promise.all(
    made.objectsAt('home').map(async (one) => {
      await made.remove(one, isLeft).catch((error: unknown) => {
        notes.push(`${one.what} is left: ${(error as Error).message}`);
      });
    }),
  );
  remote.close();
  return { notes };
}

async function cleanNode(underway: Underway, remote: KubeConnection, role: Role): Promise<string[]> {
  const { move, targetNode } = underway;
  if (!underway.made.isOnNode(role)) return [];
  const where = role === 'source' ? `node ${move.sourceNode}` : `node ${targetNode ?? ''} of ${move.peer.virtualNode}`;
  try {
    await cleanByAgent(underway[role]).catch(async (error: unknown) => {
      if (error instanceof StillRefused) throw error;
      if (role === 'source') return await cleanByAgent(await successor(underway));
      if (targetNode === undefined) throw error;
      return await cleanTargetNode(remote, underway.move, targetNode, 'moved');
    });
    return [];
  } catch (error) {
    return [`what the migration has on ${where} is left: ${(error as Error).message}`];
  } finally {
    underway[role]?.close();
  }
}

/** It has to be told whose the pod is: an agent without the claim takes neither that nor the fence away. */
async function successor(underway: Underway): Promise<AgentSession> {
  const session = await replaceSource(underway);
  await session.call('source.takeover', { ...podOnNode(underway.move), targetNeverRan: false }, 130_000);
  return session;
}

const refusingMs = 30_000;

class StillRefused extends Error {}

/** As long as a kubelet still knows a pod that is not to run there, the agent keeps it from being started. */
async function cleanByAgent(session: AgentSession | undefined): Promise<void> {
  if (!session) throw new Error('its agent is dead');
  const deadline = performance.now() + scaled(refusingMs);
  while ((await session.call('cleanup', null, 30_000)).refusing) {
    if (performance.now() > deadline) throw new StillRefused('its kubelet still knows the pod, which must not be started there');
    await delay(1_000);
  }
}
