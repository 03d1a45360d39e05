import { expect, test } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { sourceHelper } from '../../src/migration/helpers/pods.ts';
import { checkedRecord, recordOf } from '../../src/migration/record.ts';
import { moveOf } from './move.ts';

const pod: Pod = { metadata: { name: 'web-0', namespace: 'demo', uid: 'u', labels: { 10: 'ten', 9: 'nine' } }, spec: { containers: [] } };
const move = moveOf(pod);
const mark = sourceHelper(move).metadata.annotations?.['kubectl-migrate/record'];

test('the record that a node gives back is the one that it was given', () => {
  const carried: unknown = JSON.parse(JSON.stringify(recordOf(move)));
  expect(checkedRecord(carried, mark, pod)).toEqual({ version: 1, pod, to: 'away' });
});

test('a pod that the node has changed is not made at home', () => {
  const other = { ...recordOf(move), pod: { ...pod, spec: { containers: [], hostPID: true } } };
  expect(() => checkedRecord(other, mark, pod)).toThrow('is not the one that it was given');
  expect(() => checkedRecord(recordOf(move), undefined, pod)).toThrow('is not the one that it was given');
});

test('no record is no record', () => {
  for (const value of [null, undefined, 'x', {}, { version: 2, pod, to: 'away' }]) {
    expect(() => checkedRecord(value, mark, pod)).toThrow('keeps no record');
  }
});

test('a record of another pod is refused, whoever made the mark for it', () => {
  for (const other of [{ name: 'web-1' }, { namespace: 'default' }, { uid: 'v' }]) {
    const asked: Pod = { ...pod, metadata: { ...pod.metadata, ...other } };
    expect(() => checkedRecord(recordOf(move), mark, asked)).toThrow('is of another pod');
  }
});
