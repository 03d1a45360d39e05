import type { Duplex } from 'node:stream';
import { scaled } from '../deadlines.ts';
import { connectionFromKubeconfig, type KubeConnection } from '../kube/connection.ts';
import { KubeError } from '../kube/errors.ts';
import { exec } from '../kube/exec.ts';
import type { Pod } from '../kube/types.ts';
import { peerKubeconfig, type Peer } from '../liqo/peer.ts';
import { agentCommand, agentContainer } from './helpers/pods.ts';

/** The peer's API server as Liqo's own user; undefined when it cannot be reached from here. @throws KubeError of the home cluster */
export async function reachDirectly(home: KubeConnection, peer: Peer, signal: AbortSignal): Promise<KubeConnection | undefined> {
  const direct = await connectionFromKubeconfig(await peerKubeconfig(home, peer, signal), peer.virtualNode, {
    onExchange: home.onExchange,
  });
  try {
    await direct.open('/version', { deadlineMs: scaled(3_000) }, signal).then((answer) => answer.resume());
    return direct;
  } catch (error) {
    // An answer, whatever it says, shows that the server can be reached.
    if (error instanceof KubeError && error.code !== 0) return direct;
    direct.close();
    signal.throwIfAborted();
    return undefined;
  }
}

/** The same server through a helper pod at home, whose node reaches it as Liqo does. */
export async function reachThrough(home: KubeConnection, peer: Peer, helper: Pod, signal: AbortSignal): Promise<KubeConnection> {
  const { name, namespace = '' } = helper.metadata;
  const dial = async (host: string, port: number): Promise<Duplex> => {
    const command = [...agentCommand, 'connect', host, String(port)];
    const session = await exec(home, { namespace, pod: name, container: agentContainer, command }, signal);
    session.stderr.resume();
    return session.stream;
  };
  return await connectionFromKubeconfig(await peerKubeconfig(home, peer, signal), peer.virtualNode, { dial, onExchange: home.onExchange });
}
