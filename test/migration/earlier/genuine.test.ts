import { expect, test } from 'vitest';
import type { Container, Pod } from '../../../src/kube/types.ts';
import type { Peer } from '../../../src/liqo/peer.ts';
import { isGenuine } from '../../../src/migration/earlier/genuine.ts';
import { sourceHelper, targetHelper } from '../../../src/migration/helpers/pods.ts';
import { moveOf } from '../move.ts';

const move = moveOf(
  { metadata: { name: 'p', namespace: 'demo', uid: 'u' }, spec: { containers: [{ name: 'main', image: 'web:1' }] } },
  { peer: { virtualNode: 'away', offloadingPatch: {} } as Peer },
);
const source = sourceHelper(move);
const target = targetHelper(move, new Map());
const expected = sourceHelper({ ...move, id: 'dry-run', pod: { metadata: { name: 'dry-run' }, spec: { containers: [] } } });

const withAgent = (pod: Pod, change: Partial<Container>): Pod => ({
  ...pod,
  spec: { ...pod.spec, containers: pod.spec.containers.map((one) => (one.name === 'agent' ? { ...one, ...change } : one)) },
});

test('what we make is ours, whoever it is for, and with what admission gives every pod', () => {
  expect(isGenuine(source, expected)).toBe(true);
  expect(isGenuine(target, targetHelper({ ...move, id: 'dry-run' }, new Map()))).toBe(true);
  const token = { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
  expect(isGenuine(withAgent(source, { volumeMounts: [...(source.spec.containers[0]?.volumeMounts ?? []), token] }), expected)).toBe(true);
  const sidecar = { ...source, spec: { ...source.spec, containers: [...source.spec.containers, { name: 'mesh', image: 'mesh:1' }] } };
  expect(isGenuine(sidecar, expected)).toBe(true);
  const mirrored = withAgent(source, { image: 'mirror/agent:1', resources: {} });
  expect(isGenuine(mirrored, withAgent(expected, { image: 'mirror/agent:1' }))).toBe(true);
});

const spied = { name: 'lies', mountPath: '/agent/agent.mjs', subPath: 'agent.mjs' };
test.each<[string, Partial<Container>]>([
  ['another program', { image: 'liar:1' }],
  ['another command', { command: ['/bin/sh'] }],
  ['something put over our program', { volumeMounts: [...(source.spec.containers[0]?.volumeMounts ?? []), spied] }],
  ['a variable', { env: [{ name: 'NODE_OPTIONS', value: '--import=/lies.mjs' }] }],
  ['a hook', { lifecycle: { postStart: { exec: { command: ['sh'] } } } }],
  ['a probe', { livenessProbe: { exec: { command: ['sh'] } } }],
  ['no rights of its own', { securityContext: {} }],
  ['another end', { args: ['serve', 'target', 'm', '1'] }],
])('a pod with our labels and %s is not', (_what, change) => {
  expect(isGenuine(withAgent(source, change), expected)).toBe(false);
});

test('nor is one that shows our program another node, or has two of it', () => {
  const volumes = source.spec.volumes?.map((one) => ({ name: one.name, emptyDir: {} }));
  expect(isGenuine({ ...source, spec: { ...source.spec, ...(volumes ? { volumes } : {}) } }, expected)).toBe(false);
  expect(
    isGenuine({ ...source, spec: { ...source.spec, containers: [...source.spec.containers, ...source.spec.containers] } }, expected),
  ).toBe(false);
  expect(isGenuine({ ...source, spec: { ...source.spec, containers: [] } }, expected)).toBe(false);
});
