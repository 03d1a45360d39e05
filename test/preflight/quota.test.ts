import { expect, test } from 'vitest';
import type { Pod } from '../../src/kube/types.ts';
import { quotaFindings, type ResourceQuota } from '../../src/preflight/quota.ts';

const pod: Pod = {
  metadata: { name: 'web', namespace: 'demo' },
  spec: { containers: [{ name: 'main', resources: { requests: { cpu: '500m' }, limits: { memory: '1Gi' } } }] },
};

function quota(hard: Record<string, string>, used: Record<string, string>, spec: ResourceQuota['spec'] = {}): ResourceQuota {
  return { metadata: { name: 'q' }, spec, status: { hard, used } };
}

test.each([
  ['the number of pods, with the helpers', quota({ pods: '5' }, { pods: '3' }), 'pods: 3 of 5'],
  ['what it asks for', quota({ 'requests.cpu': '1' }, { 'requests.cpu': '600m' }), 'requests.cpu: 600m of 1'],
  ['the same by its short name', quota({ cpu: '1' }, { cpu: '600m' }), 'cpu: 600m of 1'],
  ['its limits', quota({ 'limits.memory': '2Gi' }, { 'limits.memory': '1536Mi' }), 'limits.memory: 1536Mi of 2Gi'],
])('a quota is told that has no room for a second object: %s', (_, full, text) => {
  expect(quotaFindings(pod, [full]).map((one) => one.text)).toEqual([expect.stringContaining(text)]);
});

test.each([
  [
    'has room',
    quota({ 'pods': '6', 'requests.cpu': '2', 'limits.memory': '2Gi' }, { 'pods': '3', 'requests.cpu': '1', 'limits.memory': '1Gi' }),
  ],
  ['is of other things', quota({ 'services': '1', 'count/secrets': '1' }, { 'services': '1', 'count/secrets': '1' })],
  ['is of some pods alone', quota({ pods: '3' }, { pods: '3' }, { scopes: ['Terminating'] })],
])('one is not told that %s', (_, other) => expect(quotaFindings(pod, [other])).toEqual([]));
