import type { ConnectionFlags } from '../../kube/connection-flags.ts';
import { openConnection, type KubeConnection } from '../../kube/connection.ts';
import { kubeconfigEntries } from '../../kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../kube/types.ts';
import { podsIn } from '../../kube/paths.ts';
import { remoteClusterLabel } from '../../liqo/names.ts';
import type { Node } from '../../liqo/virtual-nodes.ts';
import { knativeServiceLabel, workloadsIn } from '../../migration/workloads.ts';
import type { Given } from '../command.ts';
import { connectionOf } from '../connection-arguments.ts';
import type { Candidate } from './directives.ts';
import type { Source } from './request.ts';
import { aboutEntry, aboutNamespace, aboutPeer, aboutPod, aboutWorkload, type Workload } from './descriptions.ts';

/** A shell waits for the answer, and its user with it: milliseconds for everything that a cluster is asked. */
const patienceMs = 1500;

/**
 * Asks the kubeconfig or the cluster that the flags typed so far name, and gives up after a while.
 *
 * @throws whatever stands in the way of it
 */
export async function candidatesFrom(source: Source, given: Given): Promise<Candidate[]> {
  const last = (name: string): string | undefined => given(name).at(-1) || undefined;
  const refuse = (message: string): never => {
    throw new Error(message);
  };
  const flags = connectionOf({ given, last, refuse });
  if (source === 'contexts' || source === 'clusters' || source === 'users') return fromKubeconfig(source, flags);
  const connection = await openConnection(flags);
  // Credentials need it, and it takes its time to load; the cluster is not to blame for that.
  await import('@kubernetes/client-node');
  const signal = AbortSignal.timeout(patienceMs);
  // Not all waits heed the signal: credentials may come from a program that asks its user.
  const tooLate = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  return await Promise.race([fromCluster(source, connection, signal), tooLate]).finally(() => connection.close());
}

type Configured = 'contexts' | 'clusters' | 'users';

function fromKubeconfig(list: Configured, flags: ConnectionFlags): Candidate[] {
  return kubeconfigEntries(list, flags, process.env).map(({ name, fields }) => ({ value: name, about: aboutEntry(fields) }));
}

async function fromCluster(source: Exclude<Source, Configured>, connection: KubeConnection, signal: AbortSignal): Promise<Candidate[]> {
  switch (source) {
    case 'Pod':
      return (await list<Pod>(connection, podsIn(connection.namespace), signal)).map((pod) => candidate(pod, aboutPod(pod)));
    case 'KnativeService': {
      const pods = await list<Pod>(connection, podsIn(connection.namespace), signal, { labelSelector: knativeServiceLabel });
      const services = Map.groupBy(pods, ({ metadata }) => metadata.labels?.[knativeServiceLabel] ?? '');
      return [...services].map(([value, ones]) => ({ value, about: `pods: ${ones.length}` }));
    }
    case 'Deployment':
    case 'StatefulSet':
    case 'ReplicaSet':
    case 'ReplicationController':
    case 'Job':
      return (await list<Workload>(connection, workloadsIn(connection.namespace, source), signal)).map((one) =>
        candidate(one, aboutWorkload(one)),
      );
    case 'peers':
      return (await list<Node>(connection, '/api/v1/nodes', signal, { labelSelector: remoteClusterLabel })).map((node) =>
        candidate(node, aboutPeer(node)),
      );
    case 'namespaces':
      return (await list<KubeObject>(connection, '/api/v1/namespaces', signal)).map((namespace) =>
        candidate(namespace, aboutNamespace(namespace)),
      );
  }
}

/** Out of the API server's memory: what is a moment old is good enough here, and costs the cluster little. */
async function list<T>(connection: KubeConnection, path: string, signal: AbortSignal, query: Record<string, string> = {}): Promise<T[]> {
  return (await connection.list<T>(path, signal, { resourceVersion: '0', ...query })).items;
}

function candidate({ metadata }: KubeObject, about: string): Candidate {
  return { value: metadata.name, about };
}
