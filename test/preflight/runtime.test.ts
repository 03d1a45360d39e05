import { describe, expect, test } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { patchedRuntimeFindings, runtimeFindings, targetRuntimeFindings } from '../../src/preflight/runtime.ts';
import { peerOf } from '../liqo/peer.ts';

function pod(containerID: string | undefined, annotations: Record<string, string> = {}, spec: Partial<Pod['spec']> = {}): Pod {
  return {
    metadata: { name: 'web-0', annotations },
    spec: { containers: [{ name: 'main' }], nodeName: 'away-1', ...spec },
    status: { containerStatuses: [{ name: 'main', ...(containerID === undefined ? {} : { containerID }) }] },
  };
}

describe("a pod under the nodes' ordinary containerd is fine, any other is in the way", () => {
  const cases: readonly [string, Pod, readonly string[]][] = [
    ['containerd', pod('containerd://1'), []],
    ['a container that has not started', pod(undefined), []],
    ['CRI-O', pod('cri-o://1'), ['KM-RUNTIME']],
    ['a runtime class', pod('containerd://1', {}, { runtimeClassName: 'gvisor' }), ['KM-RUNTIME-CLASS']],
    ['a runtime class at the peer alone', pod('containerd://1', { 'liqo.io/remote-runtime-class-name': 'kata' }), ['KM-RUNTIME-CLASS']],
  ];
  test.each(cases)('%s', (_what, wanted, codes) => expect(runtimeFindings(wanted).map(({ code }) => code)).toEqual(codes));
});

describe('a virtual node', () => {
  test('may give its pods no runtime class of its own', () => {
    expect(patchedRuntimeFindings(peerOf({ offloadingPatch: { runtimeClassName: 'nvidia' } }))).toMatchObject([
      { code: 'KM-RUNTIME-CLASS' },
    ]);
  });
  test('may give them none, or the one that Liqo steers with', () => {
    expect(patchedRuntimeFindings(peerOf())).toEqual([]);
    expect(patchedRuntimeFindings(peerOf({ offloadingPatch: { runtimeClassName: 'liqo' } }))).toEqual([]);
  });
});

describe("the target's node is known by what its helper's containers run under", () => {
  test('containerd', () => expect(targetRuntimeFindings(pod('containerd://1'))).toEqual([]));
  test.each([
    ['CRI-O', 'cri-o://1', 'cri-o'],
    ['nobody can say', undefined, 'an unknown runtime'],
    ['something without a name', '4f1c', 'an unknown runtime'],
  ])('%s', (_what, id, runtime) => {
    expect(targetRuntimeFindings(pod(id))).toMatchObject([
      { code: 'KM-RUNTIME', text: `node away-1 of the peer runs containers under ${runtime}; only containerd is supported so far` },
    ]);
  });
});
