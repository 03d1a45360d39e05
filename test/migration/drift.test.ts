import { describe, expect, test } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { driftOf } from '../../src/migration/drift.ts';

const planned: Pod = {
  metadata: { name: 'web-0', namespace: 'demo', uid: '1', labels: { app: 'web' } },
  spec: { containers: [{ name: 'main', image: 'app:1' }], nodeName: 'home-1' },
  status: { phase: 'Running', containerStatuses: [{ name: 'main', containerID: 'containerd://a' }] },
};

describe('between the plan and the freeze a pod', () => {
  test('may get other labels and annotations: they go along', () => {
    expect(
      driftOf(planned, { ...planned, metadata: { ...planned.metadata, labels: { app: 'x' }, annotations: { a: 'b' } } }),
    ).toBeUndefined();
  });
  const cases: readonly [string, Pod | undefined, RegExp][] = [
    ['may not go', undefined, /was deleted/],
    ['may not be made anew', { ...planned, metadata: { ...planned.metadata, uid: '2' } }, /was deleted/],
    ['may not begin to be deleted', { ...planned, metadata: { ...planned.metadata, deletionTimestamp: 'now' } }, /began to be deleted/],
    [
      'may not restart a container',
      { ...planned, status: { containerStatuses: [{ name: 'main', containerID: 'containerd://b' }] } },
      /restarted its container main/,
    ],
    [
      'may not get another image',
      { ...planned, spec: { ...planned.spec, containers: [{ name: 'main', image: 'app:2' }] } },
      /another specification \(containers\)/,
    ],
    [
      'may not get a debugging container',
      { ...planned, spec: { ...planned.spec, ephemeralContainers: [{ name: 'debug' }] } },
      /another specification \(ephemeralContainers\)/,
    ],
  ];
  for (const [what, pod, change] of cases) test(what, () => expect(driftOf(planned, pod)).toMatch(change));
});
