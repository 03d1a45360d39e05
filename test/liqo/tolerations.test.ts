import { describe, expect, test } from 'vitest';
import type { Toleration } from '../../src/kube/types.ts';
import { taintFindings, tolerates } from '../../src/liqo/tolerations.ts';

const taint = { key: 'edge', value: 'held', effect: 'NoSchedule' };

describe('a taint is tolerated as Kubernetes decides it', () => {
  const cases: readonly [string, Toleration, boolean][] = [
    ['the same in all', { key: 'edge', operator: 'Equal', value: 'held', effect: 'NoSchedule' }, true],
    ['Equal is meant where nothing is said', { key: 'edge', value: 'held' }, true],
    ['another value', { key: 'edge', value: 'other' }, false],
    ['any value', { key: 'edge', operator: 'Exists' }, true],
    ['another key', { key: 'gpu', operator: 'Exists' }, false],
    ['everything', { operator: 'Exists' }, true],
    ['everything of another effect', { operator: 'Exists', effect: 'NoExecute' }, false],
    ['no key and no operator', { value: 'held' }, false],
    ['an operator that we do not know', { key: 'edge', operator: 'Gt', value: '1' }, false],
  ];
  test.each(cases)('%s', (_what, toleration, is) => expect(tolerates(toleration, taint)).toBe(is));
  test('a taint without a value', () => {
    expect(tolerates({ key: 'edge' }, { key: 'edge', effect: 'NoExecute' })).toBe(true);
  });
});

describe('what remains of the taints of a virtual node is in the way', () => {
  const pod = { metadata: { name: 'web-0' }, spec: { containers: [], tolerations: [{ key: 'edge', operator: 'Exists' }] } };
  const liqo = { key: 'virtual-node.liqo.io/not-allowed', value: 'true', effect: 'NoExecute' };
  test("not Liqo's own, nor one that the pod tolerates, nor a mere preference", () => {
    expect(taintFindings(pod, 'away', [liqo, taint, { key: 'x', effect: 'PreferNoSchedule' }])).toEqual([]);
  });
  test('any other, with its name', () => {
    const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    expect(taintFindings(pod, 'away', [liqo, cordoned])).toMatchObject([
      { code: 'KM-TAINT', text: 'virtual node away has the taint node.kubernetes.io/unschedulable:NoSchedule, which it does not tolerate' },
    ]);
  });
});
