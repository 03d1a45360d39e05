import { describe, expect, test } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { judgePod } from '../../src/migration/judge.ts';
import { nodeDifferences } from '../../src/migration/node-differences.ts';

function pod(spec: Partial<Pod['spec']> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'web-0', namespace: 'demo', ...metadata },
    spec: { containers: [{ name: 'main' }], ...spec },
    status: { phase: 'Running', containerStatuses: [{ name: 'main', state: { running: {} } }] },
  };
}

test('an ordinary pod has nothing in the way, and hears what is carried and lost', () => {
  const verdict = judgePod(pod({ volumes: [{ name: 'data', emptyDir: {} }, { name: 'fast', emptyDir: { medium: 'Memory' } }, { name: 'c', configMap: { name: 'c' } }] }));
  expect(verdict.blocks).toEqual([]);
  expect(verdict.carries).toEqual(expect.arrayContaining(['emptyDir data', 'emptyDir fast (in memory)']));
  expect(verdict.loses.join()).toContain('reset');
});

describe('what is not carried is in the way, with its reason', () => {
  const container = (extra: object): Partial<Pod['spec']> => ({ containers: [{ name: 'main', ...extra }] });
  const cases: readonly [string, Pod, RegExp][] = [
    ['an owner', pod({}, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: '1' }] }), /StatefulSet web/],
    ['a finalizer', pod({}, { finalizers: ['a/b'] }), /finalizers/],
    ['being deleted', pod({}, { deletionTimestamp: 'now' }), /being deleted/],
    ['a claim of a volume', pod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] }), /persistentVolumeClaim/],
    ['a volume kind that nobody knows yet', pod({ volumes: [{ name: 'v', quantumFoam: {} }] }), /quantumFoam/],
    ['the network of the node', pod({ hostNetwork: true }), /hostNetwork/],
    ['the processes of the node', pod({ hostPID: true }), /hostPID/],
    ['a user namespace', pod({ hostUsers: false }), /hostUsers/],
    ['an ephemeral container', pod({ ephemeralContainers: [{ name: 'debug' }] }), /ephemeral/],
    ['a claim of devices', pod({ resourceClaims: [{}] }), /resourceClaims/],
    ['a device', pod(container({ resources: { limits: { 'nvidia.com/gpu': '1' } } })), /nvidia/],
    ['a block device', pod(container({ volumeDevices: [{}] })), /block device/],
    ['shared mounts', pod(container({ volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'HostToContainer' }] })), /mountPropagation/],
  ];
  for (const [what, odd, reason] of cases) {
    test(what, () => expect(judgePod(odd).blocks.map((block) => block.reason).join()).toMatch(reason));
  }
  test('a container that does not run', () => {
    const crashed = { ...pod(), status: { phase: 'Running', containerStatuses: [{ name: 'main', state: { waiting: { reason: 'CrashLoopBackOff' } } }] } };
    expect(judgePod(crashed).blocks).toHaveLength(1);
  });
});

describe('two nodes fit', () => {
  const node = { architecture: 'x64', kernel: '6.1', cgroupVersion: 2, cpuFlags: ['avx2', 'sse4_2'], runtime: '/usr/bin/runc', runtimeVersion: 'runc version 1.3.6' } as const;
  test('when the target has all that the source has', () => {
    expect(nodeDifferences(node, { ...node, kernel: '6.18', cpuFlags: ['avx2', 'sse4_2', 'avx512f'] })).toEqual([]);
  });
  test('not when it lacks an instruction set, or is another kind of machine, cgroup or runtime', () => {
    expect(nodeDifferences({ ...node, cpuFlags: ['avx512f'] }, node).join()).toContain('avx512f');
    expect(nodeDifferences(node, { ...node, architecture: 'arm64' }).join()).toContain('arm64');
    expect(nodeDifferences(node, { ...node, cgroupVersion: 1 }).join()).toContain('cgroup');
    expect(nodeDifferences(node, { ...node, runtimeVersion: 'crun version 1.28' }).join()).toContain('crun');
  });
});
