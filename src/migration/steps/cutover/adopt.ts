import { eventsIn, podsIn } from '../../../kube/paths.ts';
import { unlessNotFound } from '../../../kube/errors.ts';
import { retry } from '../../../kube/retry.ts';
import type { KubeObject, Pod } from '../../../kube/types.ts';
import { waitFor } from '../../../kube/wait.ts';
import { destinationLabel, localPodLabel, managedByLabel, migrationLabel, nodeNameLabel } from '../../../liqo/names.ts';
import { shadowPodsIn } from '../../../liqo/paths.ts';
import { adoptionPatch, isSeen, tellingEvents } from '../../../liqo/standby.ts';
import { peerCredential, requireReplacement, virtualKubeletMs, type Cutover, type CutoverTask } from './task.ts';

/** Joins the new object with what runs at the peer. */
export const adopt: CutoverTask = {
  name: 'join it with what runs at the peer',
  writes: ({ pod, twinNamespace }) => [{ verb: 'patch', at: 'peer', path: `${shadowPodsIn(twinNamespace)}/${pod.metadata.name}` }],
  isDone: ({ shadow }, { peer }) => shadow?.metadata.labels?.[nodeNameLabel] === peer.virtualNode,
  run: async (cutover) => {
    const { move, remote, seen, pod, policy, saved } = cutover;
    const { uid, labels } = seen.shadow?.metadata ?? {};
    if (uid === undefined) throw new Error(`its ShadowPod ${move.twinNamespace}/${pod.metadata.name} is gone from the peer`);
    if (labels?.[migrationLabel] !== move.id)
      throw new Error(`the ShadowPod ${move.twinNamespace}/${pod.metadata.name} at the peer is not the one that this migration has made`);
    await (move.owner ? untilTold(cutover) : untilSeen(cutover));
    const path = `${shadowPodsIn(move.twinNamespace)}/${pod.metadata.name}`;
    await retry(async () => remote.patch(path, adoptionPatch(pod, move.peer, uid, move.pod), 'merge'), policy);
    saved.remove();
  },
  undone: ({ peer }, home) => `its new object is in cluster ${home.name}, but not joined to what runs at ${peer.virtualNode}`,
  byHand: (move) => {
    const { name, namespace = '', labels: own = {} } = move.pod.metadata;
    const label = (key: string, value: string | undefined): string => (value === undefined ? `${key}-` : `${key}=${value}`);
    const labels = [
      label(destinationLabel, move.peer.clusterId),
      label(nodeNameLabel, move.peer.virtualNode),
      label(migrationLabel, own[migrationLabel]),
      label(managedByLabel, own[managedByLabel]),
    ];
    const uid = `$(kubectl -n ${namespace} get pod ${name} -o jsonpath={.metadata.uid})`;
    const told = `kubectl -n ${namespace} get events --field-selector ${tellingEvents(uid)} # again, until it lists one`;
    const seen = `kubectl -n ${namespace} wait --for=jsonpath='{.metadata.labels.${localPodLabel.replaceAll('.', String.raw`\.`)}}' pod/${name} --timeout=${virtualKubeletMs / 1000}s`;
    return [
      move.owner ? told : seen,
      `kubectl --kubeconfig <(${peerCredential(move)}) -n ${move.twinNamespace} label --overwrite shadowpods ${name} ${labels.join(' ')}`,
    ];
  },
};

/** @throws Error when somebody takes the new object away meanwhile, or puts another one in its place */
async function untilSeen({ home, move }: Cutover): Promise<void> {
  const { namespace = '', name } = move.pod.metadata;
  const what = `the virtual kubelet of ${move.peer.virtualNode} to see pod ${namespace}/${name}`;
  const isDone = (pod: Pod | undefined): boolean => {
    requireReplacement(pod, move);
    return isSeen(pod);
  };
  const wait = { collection: podsIn(namespace), name, what, deadlineMs: virtualKubeletMs, isDone };
  await waitFor<Pod>(home, wait, new AbortController().signal);
}

/**
 * As {@link untilSeen}, for a ShadowPod that is not the virtual kubelet's own yet. That it is told is the proof, and not that it is
 * silent: an event can come late, and by a full queue be lost (client-go: tools/record/event.go).
 *
 * @throws Error when somebody takes the new object away meanwhile, or puts another one in its place
 */
async function untilTold({ home, move, policy }: Cutover): Promise<void> {
  const { namespace = '', name } = move.pod.metadata;
  const look = async (): Promise<Pod> => {
    const pod = await retry(async () => home.get<Pod>(`${podsIn(namespace)}/${name}`).catch(unlessNotFound), policy);
    requireReplacement(pod, move);
    if (pod.metadata.deletionTimestamp !== undefined) throw new Error('somebody is deleting it');
    return pod;
  };
  const { metadata } = await look();
  await waitFor<KubeObject>(
    home,
    {
      collection: eventsIn(namespace),
      name,
      fieldSelector: tellingEvents(metadata.uid ?? ''),
      what: `the virtual kubelet of ${move.peer.virtualNode} to tell that it sees pod ${namespace}/${name}`,
      deadlineMs: virtualKubeletMs,
      isDone: (event) => event !== undefined,
    },
    new AbortController().signal,
  );
  await look();
}
