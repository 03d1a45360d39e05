import type { KubeConnection } from '../../kube/connection.ts';
import { cleanTargetNode, replaceSource } from '../helpers/takeover.ts';
import type { Underway } from '../underway.ts';

/**
 * Removes what the migration made for itself, on both nodes and in both clusters. Never throws: the pod has moved.
 *
 * @returns what could not be removed, item by item
 */
export async function cleanup(underway: Underway, remote: KubeConnection): Promise<{ notes: string[] }> {
  const { home, made } = underway;
  const notes = (await Promise.all([cleanNode(underway, remote, 'source'), cleanNode(underway, remote, 'target')])).flat();
  await Promise.all(
    made.all
      .filter(({ at }) => at === home)
      .map(async (one) => {
        await made.remove(one).catch((error: unknown) => {
          notes.push(`${one.what} is left: ${(error as Error).message}`);
        });
      }),
  );
  remote.close();
  return { notes };
}

async function cleanNode(underway: Underway, remote: KubeConnection, role: 'source' | 'target'): Promise<string[]> {
  const { move, targetNode } = underway;
  const where = role === 'source' ? `node ${move.sourceNode}` : `node ${targetNode ?? ''} of ${move.peer.virtualNode}`;
  try {
    await cleanByAgent(underway, role).catch(async (error: unknown) => {
      if (role === 'source') return await (await replaceSource(underway)).call('cleanup', null, 30_000);
      if (targetNode === undefined) throw error;
      return await cleanTargetNode(remote, underway, targetNode, 'moved');
    });
    return [];
  } catch (error) {
    return [`what the migration has on ${where} is left: ${(error as Error).message}`];
  } finally {
    underway[role]?.close();
  }
}

async function cleanByAgent(underway: Underway, role: 'source' | 'target'): Promise<void> {
  const session = underway[role];
  if (!session) throw new Error('its agent is dead');
  await session.call('cleanup', null, 30_000);
}
