import { describe, expect, test } from 'vitest';
import type { ObjectMeta, Pod } from '../../src/kube/types.ts';
import { controlledBy, inOrder, whyLeftOut } from '../../src/migration/select.ts';

function pod(name: string, owner?: { kind: string; name: string; uid?: string }): Pod {
  const reference = owner && { apiVersion: 'apps/v1', uid: owner.name, controller: true, ...owner };
  return { metadata: { name, ...(reference ? { ownerReferences: [reference] } : {}) }, spec: { containers: [] } };
}

const namesOf = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.name);

describe('pods that were picked are moved', () => {
  test("those of a StatefulSet as its rolling update takes them, also when there are more than ten, and whatever the set's name", () => {
    const set = { kind: 'StatefulSet', name: 'db-0' };
    const pods = [0, 1, 2, 9, 10, 11].map((ordinal) => pod(`db-0-${ordinal}`, set));
    expect(namesOf(inOrder(pods))).toEqual(['db-0-11', 'db-0-10', 'db-0-9', 'db-0-2', 'db-0-1', 'db-0-0']);
  });

  test('others by name, also those that only look like pods of a set', () => {
    const replicaSet = { kind: 'ReplicaSet', name: 'web-5d8f' };
    const pods = [pod('web-5d8f-9', replicaSet), pod('web-5d8f-10', replicaSet), pod('Z'), pod('a-2'), pod('a-1')];
    expect(namesOf(inOrder(pods))).toEqual(['Z', 'a-1', 'a-2', 'web-5d8f-10', 'web-5d8f-9']);
  });

  test('those of one set together, wherever others come by name', () => {
    const [db, dbx] = [
      { kind: 'StatefulSet', name: 'db' },
      { kind: 'StatefulSet', name: 'db-x' },
    ];
    const pods = [pod('db-1-bare'), pod('db-0', db), pod('db-x-0', dbx), pod('db-1', db), pod('db-x-1', dbx), pod('a')];
    expect(namesOf(inOrder(pods))).toEqual(['a', 'db-1', 'db-0', 'db-1-bare', 'db-x-1', 'db-x-0']);
  });
});

describe('pods are found by the UID of their controller', () => {
  const web = { metadata: { name: 'web', uid: 'new' } };

  test('and not by its name: a workload of the same name may have been there before', () => {
    const pods = [
      pod('ours', { kind: 'ReplicaSet', name: 'web', uid: 'new' }),
      pod('of-the-old-one', { kind: 'ReplicaSet', name: 'web', uid: 'old' }),
    ];
    expect(namesOf(controlledBy([web], pods))).toEqual(['ours']);
  });

  test('and not by other owner references, which are for the collection of garbage', () => {
    const { metadata, spec } = pod('kept', { kind: 'ReplicaSet', name: 'web', uid: 'new' });
    const ownerReferences = metadata.ownerReferences?.map((one) => ({ ...one, controller: false })) ?? [];
    expect(controlledBy([web], [{ metadata: { ...metadata, ownerReferences }, spec }])).toEqual([]);
  });

  test('an object without a UID controls nothing', () => {
    expect(controlledBy([{ metadata: { name: 'web' } }], [pod('bare')])).toEqual([]);
  });
});

describe('of pods that nobody has named are left out, and told', () => {
  test.each<[string, Partial<ObjectMeta>, Pod['status'], string | undefined]>([
    ['those that are being deleted', { deletionTimestamp: '2026-11-27T00:00:00Z' }, { phase: 'Running' }, 'is being deleted'],
    ['those that have succeeded', {}, { phase: 'Succeeded' }, 'has ended (Succeeded)'],
    ['those that have failed', {}, { phase: 'Failed' }, 'has ended (Failed)'],
    [
      'helpers of migrations',
      { labels: { 'app.kubernetes.io/managed-by': 'kubectl-migrate' } },
      { phase: 'Running' },
      'is a helper pod of a migration',
    ],
    ['but none that runs', {}, { phase: 'Running' }, undefined],
    ['nor one that is about to: what is in its way is told', {}, { phase: 'Pending' }, undefined],
  ])('%s', (_what, metadata, status, why) => {
    const { spec } = pod('web-0');
    expect(whyLeftOut({ metadata: { name: 'web-0', ...metadata }, spec, ...(status ? { status } : {}) })).toBe(why);
  });
});
