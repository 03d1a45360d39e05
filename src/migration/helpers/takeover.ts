import { randomBytes } from 'node:crypto';
import { podsIn } from '../../kube/paths.ts';
import { waitFor } from '../../kube/wait.ts';
import type { KubeConnection } from '../../kube/connection.ts';
import type { Pod } from '../../kube/types.ts';
import { originLabel } from '../../liqo/names.ts';
import { shadowPodsIn } from '../../liqo/paths.ts';
import { MadeObjects } from '../made.ts';
import type { Underway } from '../underway.ts';
import { sourceHelper, targetSweeper } from './pods.ts';
import { AgentSession } from './session.ts';
import { helperGraceSeconds, startHelper } from './start.ts';

/**
 * Puts a new agent on the source's node in the place of one that died; the migration's source session is its from then on.
 *
 * @throws MigrateError when it does not start there
 */
export async function replaceSource(underway: Underway): Promise<AgentSession> {
  const { home, move, agentImage } = underway;
  underway.source?.close();
  underway.source = undefined;
  const pod = sourceHelper(move, agentImage, 'rescue');
  pod.metadata.name = uniqueName(pod.metadata.name);
  const signal = new AbortController().signal;
  const running = await startHelper(underway, pod, signal);
  underway.source = await AgentSession.open(home, running, { role: 'source', migration: move.id }, signal);
  return underway.source;
}

/**
 * Removes what a target agent that died left on its node. The way to that very node is a ShadowPod made by hand: Liqo does
 * not hand on a pod's wishes for a place. It has to do without exec, which Liqo's credential allows by POST alone, and
 * WebSockets begin with GET.
 *
 * @param remote the peer's API server
 * @param outcome `moved` when the pod runs there, all of it; `given-up` when its ShadowPod is gone
 */
export async function cleanTargetNode(
  remote: KubeConnection,
  { move, agentImage }: Pick<Underway, 'move' | 'agentImage'>,
  node: string,
  outcome: 'moved' | 'given-up',
): Promise<void> {
  const { metadata, spec } = targetSweeper(move, agentImage, node, outcome);
  const name = uniqueName(metadata.name);
  const shadow = {
    apiVersion: 'offloading.liqo.io/v1beta1',
    kind: 'ShadowPod',
    metadata: { ...metadata, name, namespace: move.twinNamespace, labels: { ...metadata.labels, [originLabel]: move.peer.homeClusterId } },
    spec: { pod: spec },
  };
  const made = new MadeObjects(move.id);
  const signal = new AbortController().signal;
  const options = { what: `ShadowPod ${name}`, gracePeriodSeconds: helperGraceSeconds };
  try {
    await made.create(remote, shadowPodsIn(move.twinNamespace), shadow, options, signal);
    await waitFor<Pod>(
      remote,
      {
        collection: podsIn(move.twinNamespace),
        name,
        what: `pod ${name} to clear away what is left on node ${node}`,
        deadlineMs: 60_000,
        isDone: (pod) => {
          if (pod?.status?.phase === 'Failed')
            throw new Error(`pod ${name} on node ${node} failed: ${pod.status.message ?? 'its log tells why'}`);
          return pod?.status?.phase === 'Succeeded';
        },
        describe: (pod) => `it is ${pod?.status?.phase ?? 'not there'}`,
      },
      signal,
    );
  } finally {
    await removeAll(made);
  }
}

/** Best effort: they end by themselves, and their label tells whose they are. */
async function removeAll(made: MadeObjects): Promise<void> {
  for (const one of made.all) await made.remove(one).catch(() => undefined);
}

function uniqueName(name: string): string {
  return `${name}-${randomBytes(2).toString('hex')}`;
}
