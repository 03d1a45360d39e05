import { expect, test } from 'vitest';
import type { Pod } from '../../../src/kube/types.ts';
import { forgeShadowPod } from '../../../src/liqo/forge-shadow-pod.ts';
import { targetHelper } from '../../../src/migration/helpers/pods.ts';
import { peerOf } from '../../liqo/peer.ts';
import { moveOf } from '../move.ts';

/** What the virtual kubelet makes at the peer of the pod, and of the helper that is to find it a node. */
function atPeer(pod: Pod): { moved: Pod['spec']; helper: Pod['spec'] } {
  const peer = peerOf({ offloadingPatch: { tolerations: [{ key: 'patched', operator: 'Exists' }], nodeSelector: { zone: 'a' } } });
  const helper = targetHelper(moveOf(pod, { peer }), new Map());
  return { moved: forgeShadowPod(pod, peer, 'demo').spec.pod, helper: forgeShadowPod(helper, peer, 'demo').spec.pod };
}

function pod(spec: Partial<Pod['spec']>, annotations: Record<string, string> = {}): Pod {
  return {
    metadata: { name: 'web-0', namespace: 'demo', labels: { app: 'web' }, annotations },
    spec: { containers: [{ name: 'main' }], ...spec },
  };
}

const places = ['tolerations', 'nodeSelector', 'affinity', 'topologySpreadConstraints'] as const;

test.each([
  ['no rules', pod({})],
  ['a toleration', pod({ tolerations: [{ key: 'edge', operator: 'Equal', value: 'held', effect: 'NoSchedule' }] })],
  ["Liqo's own toleration", pod({ tolerations: [{ key: 'virtual-node.liqo.io/not-allowed', operator: 'Exists', effect: 'NoExecute' }] })],
  ['rules that Liqo drops', pod({ nodeSelector: { disk: 'ssd' }, affinity: { nodeAffinity: {} } })],
  ['anti-affinity that Liqo hands on', pod({ affinity: { podAntiAffinity: { a: 1 } } }, { 'liqo.io/anti-affinity-preset': 'propagate' })],
  ["anti-affinity by Liqo's preset", pod({}, { 'liqo.io/anti-affinity-preset': 'hard' })],
  ['spreading', pod({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone' }] })],
])('the target helper may go where the pod may, with %s', (_what, wanted) => {
  const { moved, helper } = atPeer(wanted);
  for (const field of places) expect({ [field]: helper[field] }).toEqual({ [field]: moved[field] });
});
