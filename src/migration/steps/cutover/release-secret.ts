import { unlessNotFound, unlessOther } from '../../../kube/errors.ts';
import { secretsIn } from '../../../kube/paths.ts';
import { retry } from '../../../kube/retry.ts';
import { tokenSecretName } from '../../../liqo/forge-volumes.ts';
import { managedByLabel, migrationLabel } from '../../../liqo/names.ts';
import { unmarkingPatch } from '../../../liqo/token-secret.ts';
import { peerCredential, type CutoverTask } from './task.ts';

/** The Secret with the tokens belongs to the moved pod from here on; who looks for what we have left must not find it. */
export const releaseSecret: CutoverTask = {
  name: 'release the token Secret',
  writes: ({ pod, twinNamespace, tokens }) =>
    tokens.length === 0 ? [] : [{ verb: 'patch', at: 'peer', path: `${secretsIn(twinNamespace)}/${tokenSecretName(pod.metadata.name)}` }],
  isDone: ({ secret }, { id }) => secret?.metadata.labels?.[migrationLabel] !== id,
  run: async ({ move, remote, seen, policy }) => {
    const path = `${secretsIn(move.twinNamespace)}/${tokenSecretName(move.pod.metadata.name)}`;
    const patch = { metadata: { ...unmarkingPatch.metadata, uid: seen.secret?.metadata.uid } };
    await retry(async () => remote.patch(path, patch, 'merge').catch(unlessNotFound).catch(unlessOther), policy);
  },
  undone: (_move, home) => `its old object is still in cluster ${home.name}`,
  byHand: (move) =>
    move.tokens.length === 0
      ? []
      : [
          `kubectl --kubeconfig <(${peerCredential(move)}) -n ${move.twinNamespace} label secret ${tokenSecretName(move.pod.metadata.name)} ${managedByLabel}- ${migrationLabel}-`,
        ],
};
