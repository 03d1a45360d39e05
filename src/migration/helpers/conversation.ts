import type { KubeConnection } from '../../kube/connection.ts';
import { exec } from '../../kube/exec.ts';
import type { Pod } from '../../kube/types.ts';
import { RpcClient } from '../../protocol/rpc.ts';
import { agentCommand, agentContainer } from './pods.ts';

/** One exec stream to an agent. */
export interface Conversation {
  readonly client: RpcClient;
  close: () => void;
}

/** Joins the agent of a helper pod, through exec. @throws KubeError when there is no way to it */
export async function converse(connection: KubeConnection, pod: Pod, onEvent: (event: unknown) => void): Promise<Conversation> {
  const { name, namespace = '' } = pod.metadata;
  const target = { namespace, pod: name, container: agentContainer, command: [...agentCommand, 'attach'] };
  // It outlives the user's wish to stop: rolling back goes through it.
  const session = await exec(connection, target, new AbortController().signal);
  session.stderr.resume();
  const client = new RpcClient({ input: session.stream, output: session.stream }, `the agent in ${namespace}/${name}`, onEvent);
  void client.closed.then(() => session.close());
  return { client, close: session.close };
}
