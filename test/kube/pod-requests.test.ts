import { describe, expect, test } from 'vitest';
import { podRequest } from '../../src/kube/pod-requests.ts';
import { quantity } from '../../src/kube/quantity.ts';
import type { Container, Pod } from '../../src/kube/types.ts';

test.each<[string | undefined, number]>([
  ['2', 2],
  ['0.5', 0.5],
  ['100m', 0.1],
  ['1k', 1000],
  ['1Ki', 1024],
  ['16Gi', 16 * 2 ** 30],
  ['1e3', 1000],
  ['1E', 1e18],
  ['250u', 0.00025],
  [undefined, 0],
  ['lots', 0],
])('the quantity %s is %d', (text, expected) => {
  expect(quantity(text)).toBeCloseTo(expected, 9);
});

function container(cpu: string | undefined, extra: Partial<Container> = {}): Container {
  return { name: 'c', ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }), ...extra };
}

function pod(spec: Partial<Pod['spec']>): Pod {
  return { metadata: { name: 'p' }, spec: { containers: [], ...spec } };
}

describe('the scheduler counts for a pod', () => {
  test.each<[string, Pod, number]>([
    ['the sum of its containers', pod({ containers: [container('1'), container('500m'), container(undefined)] }), 1.5],
    ['an init container that wants more', pod({ containers: [container('1')], initContainers: [container('3'), container('2')] }), 3],
    [
      'its sidecars beside the containers',
      pod({ containers: [container('1')], initContainers: [container('2', { restartPolicy: 'Always' })] }),
      3,
    ],
    [
      'the sidecars that run beside an init container',
      pod({ containers: [container('1')], initContainers: [container('2', { restartPolicy: 'Always' }), container('4')] }),
      6,
    ],
    ['its overhead', pod({ containers: [container('1')], overhead: { cpu: '250m' } }), 1.25],
    ['the requests of the pod as a whole', pod({ containers: [container('1')], resources: { requests: { cpu: '5' } } }), 5],
  ])('%s', (_what, one, expected) => {
    expect(podRequest(one, 'cpu')).toBeCloseTo(expected, 9);
  });
});
