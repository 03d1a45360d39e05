import type { KubeConnection } from '../../../kube/connection.ts';
import { podsIn } from '../../../kube/paths.ts';
import type { Pod } from '../../../kube/types.ts';
import { waitFor } from '../../../kube/wait.ts';
import { isReady, isReplacement, virtualKubeletMs, type Cutover, type CutoverTask } from './task.ts';

/** A pod that is ready at the peer is seen so at home by what has been seen of it before: one status that is written anew. */
const readyMs = 10_000;

/**
 * Leads whoever comes to the pod's old address to where it runs now: until kube-proxy has followed, clients of its Services are sent
 * there, and whoever begins a connection to an address that is gone gets no answer at all. Best effort: without it they are refused, or hang.
 */
export const relayClients: CutoverTask = {
  name: 'lead clients on',
  writes: () => [],
  isDone: ({ current }, { pod }) => current?.metadata.uid !== pod.metadata.uid,
  run: async (cutover) => {
    const { source, notes } = cutover;
    const failed = (error: unknown): boolean => {
      notes.push(`clients that came to its old address were not led on: ${(error as Error).message}`);
      return false;
    };
    const relay = async (addresses: readonly string[]): Promise<boolean> => {
      if (!source) throw new Error('its agent is gone');
      return (await source.call('source.relay', { addresses }, 10_000)).sockets > 0;
    };
    try {
      // Liqo's network fabric gives a peer's pods other addresses at home, which their objects there tell.
      const isRemapped = cutover.move.peer.homeApiServerAddress !== undefined;
      const addresses = isRemapped ? [] : await addressesAtPeer(cutover);
      const isRelayed = await relay(addresses);
      const late = async (): Promise<boolean> => (isRelayed ? await relay(await addressesAtHome(cutover)) : false);
      cutover.relayed = addresses.length > 0 ? Promise.resolve(isRelayed) : late().catch(failed);
    } catch (error) {
      failed(error);
    }
  },
  undone: (_move, home) => `its old object is still in cluster ${home.name}`,
  byHand: () => [],
};

/** Services follow as soon as the home cluster sees the pod ready, if it was so before; for a moment it still needs the relay then. */
export const untilReady: CutoverTask = {
  name: 'see it ready',
  writes: () => [],
  isDone: ({ current }, move) => isReplacement(current, move) && isReady(current),
  run: async (cutover) => {
    const { move, home, say, relayed, notes } = cutover;
    if (!(await relayed) || !isReady(move.pod)) return;
    say('waiting until its Services follow');
    await waitForPod(home, cutover, 'to be ready', readyMs, isReady).catch((error: unknown) => {
      notes.push(`its Services may not have followed yet: ${(error as Error).message}`);
    });
  },
  undone: (_move, home) => `cluster ${home.name} does not see it ready yet`,
  byHand: () => [],
};

async function addressesAtPeer({ remote, move }: Cutover): Promise<string[]> {
  return addressesOf(await remote.get<Pod>(`${podsIn(move.twinNamespace)}/${move.pod.metadata.name}`));
}

async function addressesAtHome(cutover: Cutover): Promise<string[]> {
  return addressesOf(await waitForPod(cutover.home, cutover, 'to have an address', virtualKubeletMs, (pod) => addressesOf(pod).length > 0));
}

async function waitForPod(
  home: KubeConnection,
  { move }: Cutover,
  what: string,
  deadlineMs: number,
  isDone: (pod: Pod) => boolean,
): Promise<Pod | undefined> {
  const { name, namespace = '' } = move.pod.metadata;
  const wait = {
    collection: podsIn(namespace),
    name,
    what: `pod ${namespace}/${name} ${what} on ${move.peer.virtualNode}`,
    deadlineMs,
    isDone: (pod: Pod | undefined) => pod !== undefined && isReplacement(pod, move) && isDone(pod),
  };
  return await waitFor<Pod>(home, wait, new AbortController().signal);
}

function addressesOf(pod: Pod | undefined): string[] {
  return (pod?.status?.podIPs ?? []).map(({ ip }) => ip);
}
