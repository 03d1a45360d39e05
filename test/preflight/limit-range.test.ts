import { expect, test } from 'vitest';
import type { Container, Pod } from '../../src/kube/types.ts';
import { limitRangeFindings } from '../../src/preflight/limit-range.ts';

function pod(resources: Container['resources']): Pod {
  return { metadata: { name: 'web-0' }, spec: { containers: [{ name: 'main', ...(resources ? { resources } : {}) }] } };
}

const given = { limits: { cpu: '200m', memory: '128Mi' }, requests: { cpu: '100m', memory: '128Mi' } };

test.each<[string, Container['resources'], Container['resources'], string | undefined]>([
  ['no LimitRange', undefined, undefined, undefined],
  ['a container without resources', undefined, given, 'limits.cpu 200m, limits.memory 128Mi, requests.cpu 100m, requests.memory 128Mi'],
  ['one with some', { limits: { memory: '1Gi' } }, given, 'limits.cpu 200m, requests.cpu 100m'],
  ['one with all limits', { limits: { cpu: '1', memory: '1Gi' } }, given, undefined],
  ['one with requests alone', { requests: { cpu: '1', memory: '1Gi' } }, given, 'limits.cpu 200m, limits.memory 128Mi'],
  ['a default for requests alone', { requests: { cpu: '1' } }, { requests: { cpu: '100m' } }, undefined],
])('%s', (_what, own, of, missing) => {
  const found = limitRangeFindings(pod(own), pod(of), 'home');
  expect(found.map(({ text }) => text.split(': ')[1])).toEqual(missing === undefined ? [] : [missing]);
  if (missing !== undefined)
    expect(found[0]).toMatchObject({ code: 'KM-LIMIT-RANGE', effect: 'blocks', on: { kind: 'container', name: 'main' } });
});
