import { expect, test } from 'vitest';
import type { ObjectMeta, Pod } from '../../src/kube/types.ts';
import { deletionCostAnnotation, highestCost, lastingCost, newObject } from '../../src/owners/new-object.ts';
import { ownerOf, ownerText, whyUnmovable } from '../../src/owners/owner.ts';

function podOf(apiVersion: string, kind: string, metadata: Partial<ObjectMeta> = {}): Pod {
  const ownerReferences = [{ apiVersion, kind, name: 'web-5d8f', uid: 'u', controller: true }];
  return { metadata: { name: 'web-5d8f-x', ownerReferences, ...metadata }, spec: { containers: [] } };
}

const random = { generateName: 'web-5d8f-' };

test.each([
  ['apps/v1', 'StatefulSet', random, 'stateful-set'],
  ['apps/v1', 'ReplicaSet', random, 'replica-set'],
  ['v1', 'ReplicationController', random, 'replica-set'],
  ['batch/v1', 'Job', random, 'job'],
  ['kafka.example/v1', 'Broker', {}, 'fixed-name'],
  ['kafka.example/v1', 'Broker', random, 'by unknown rules'],
  ['apps.example/v1', 'StatefulSet', random, 'by unknown rules'],
  ['apps/v1', 'DaemonSet', random, 'of each node'],
  ['v1', 'Node', {}, 'of a file'],
])('a pod of a %s %s is kept as its controller does that', (apiVersion, kind, metadata, rule) => {
  const pod = podOf(apiVersion, kind, metadata);
  expect(ownerOf(pod)?.rule ?? whyUnmovable(pod)?.why).toBe(rule);
});

test('who is no controller makes no pod anew', () => {
  const pod: Pod = {
    metadata: { name: 'web', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'x', uid: 'u' }] },
    spec: { containers: [] },
  };
  expect([ownerOf(pod), whyUnmovable(pod)]).toEqual([undefined, undefined]);
});

test('a ReplicaSet is told with its Deployment', () => {
  const owned = podOf('apps/v1', 'ReplicaSet', { labels: { 'pod-template-hash': '5d8f' } });
  const owner = ownerOf(owned);
  expect(owner && ownerText(owner, owned)).toBe('ReplicaSet web-5d8f of Deployment web');
});

test('a ReplicaSet that has one too many takes another one than the new object', () => {
  const owned = podOf('apps/v1', 'ReplicaSet', { annotations: { note: 'kept' } });
  expect(newObject(owned, ownerOf(owned)).metadata.annotations).toEqual({ note: 'kept', [deletionCostAnnotation]: highestCost });
});

test('an instance of a Knative Revision stays dearer than others, and whoever has a cost of his own keeps that', () => {
  const labels = { 'serving.knative.dev/revision': 'fn-00001' };
  const costOf = (metadata: Partial<ObjectMeta>): string | undefined => lastingCost(podOf('apps/v1', 'ReplicaSet', metadata));
  expect([costOf({ labels }), costOf({}), costOf({ labels, annotations: { [deletionCostAnnotation]: '-5' } })]).toEqual([
    '100',
    undefined,
    '-5',
  ]);
});

test('a pod that nobody makes anew stays when its virtual node is out of reach for a while, unless its user wants otherwise', () => {
  const [ready, reach] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
  const tolerations = [
    { key: ready, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    { key: reach, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 },
    { key: 'mine', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
  ];
  const bare: Pod = { metadata: { name: 'web' }, spec: { containers: [], tolerations } };
  const wanted = [{ key: ready, operator: 'Exists', effect: 'NoExecute' }, tolerations[1], tolerations[2]];
  expect(newObject(bare, undefined).spec.tolerations).toEqual(wanted);
  const owned = { ...podOf('apps/v1', 'StatefulSet'), spec: bare.spec };
  expect(newObject(owned, ownerOf(owned)).spec.tolerations).toEqual(tolerations);
  expect(newObject(owned, ownerOf(owned), true).spec.tolerations).toEqual(wanted);
});
