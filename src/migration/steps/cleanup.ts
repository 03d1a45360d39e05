import { openSession, type AgentSession } from '../agent-session.ts';
import { cleanSourceNode, cleanTargetNode } from '../takeover.ts';
import { removePod } from '../start-helper.ts';
import type { Prepared } from '../prepared.ts';

/**
 * Removes what the migration made for itself, on both nodes and in both clusters. Never throws: the pod has moved.
 *
 * @returns what could not be removed, item by item
 */
export async function cleanup(prepared: Prepared): Promise<{ notes: string[] }> {
  const { home, remote, plan } = prepared;
  const notes = (await Promise.all([cleanupAgent(prepared, 'source'), cleanupTarget(prepared)])).flat();
  const collection = `/api/v1/namespaces/${plan.report.namespace}/pods`;
  await Promise.all(
    (['source', 'target'] as const).map(async (role) => {
      const { name } = prepared[role].pod.metadata;
      await removePod(home, `${collection}/${name}`).catch((error: unknown) => {
        notes.push(`helper pod ${name} is left: ${(error as Error).message}`);
      });
    }),
  );
  remote.close();
  return { notes };
}

/** Takes away what the target agent has on its node; the runtime is the node's again. Never throws. */
export async function cleanupTarget(prepared: Prepared): Promise<string[]> {
  return await cleanupAgent(prepared, 'target');
}

async function cleanupAgent(prepared: Prepared, role: 'source' | 'target'): Promise<string[]> {
  const session = prepared[role];
  const { targetTwin, remote } = prepared;
  const cleanNode = async (): Promise<void> =>
    role === 'source' ? cleanSourceNode(prepared) : cleanTargetNode(remote, prepared, targetTwin.spec.nodeName ?? '', 'moved');
  try {
    await session.call('cleanup', null, 30_000).catch(async () => cleanupAfresh(prepared, session).catch(cleanNode));
    return [];
  } catch (error) {
    const { name } = session.pod.metadata;
    return [`what the agent of helper pod ${name} has on its node is left: ${(error as Error).message}`];
  } finally {
    session.close();
  }
}

/** A conversation ends with the API server that it goes through; the agent may still be there. */
async function cleanupAfresh({ home }: Prepared, { pod }: AgentSession): Promise<void> {
  const session = await openSession(home, pod, AbortSignal.timeout(10_000));
  await session.call('cleanup', null, 30_000).finally(() => session.close());
}
