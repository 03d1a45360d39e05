import { randomBytes } from 'node:crypto';
import type { Underway } from '../underway.ts';
import { sourceHelper } from './pods.ts';
import { AgentSession } from './session.ts';
import { startHelper } from './start.ts';

/**
 * Puts a new agent on the source's node in the place of one that died; the migration's source session is its from then on.
 *
 * @throws MigrateError when it does not start there
 */
export async function replaceSource(underway: Underway): Promise<AgentSession> {
  const { clusters, move } = underway;
  underway.source?.close();
  underway.source = undefined;
  const pod = sourceHelper(move, 'rescue');
  pod.metadata.name = `${pod.metadata.name}-${randomBytes(2).toString('hex')}`;
  const signal = new AbortController().signal;
  const running = await startHelper(underway, pod, signal);
  underway.source = await AgentSession.open(clusters.home, running, { role: 'source', migration: move.id }, signal);
  return underway.source;
}
