import { expect, test } from 'vitest';
import type { Pod } from '../../../src/kube/types.ts';
import { sourceHelper, withMovedContainers } from '../../../src/migration/helpers/pods.ts';
import { moveOf } from '../move.ts';

const podWith = (ids: Readonly<Record<string, string>>): Pod => ({
  metadata: { name: 'p', namespace: 'demo', uid: 'u' },
  spec: { containers: [] },
  status: { containerStatuses: Object.entries(ids).map(([name, containerID]) => ({ name, containerID })) },
});

const helper = sourceHelper(moveOf(podWith({ a: 'containerd://1', b: 'containerd://2' })));

test('a pod whose containers were started afresh since is still asked about by those that were moved', () => {
  const now = podWith({ a: 'containerd://7', b: 'containerd://2' });
  expect(withMovedContainers(now, helper)).toEqual(podWith({ a: 'containerd://1', b: 'containerd://2' }));
});

test('what the helper does not tell stays as it is', () => {
  const now = podWith({ a: 'containerd://7', c: 'containerd://8' });
  expect(withMovedContainers(now, helper)).toEqual(podWith({ a: 'containerd://1', c: 'containerd://8' }));
  const pod: Pod = { metadata: { name: 'p' }, spec: { containers: [] } };
  expect(withMovedContainers(pod, helper)).toEqual(pod);
});
