import { expect, test } from 'vitest';
import { scalingFindings } from '../../src/preflight/scaling.ts';

const codesOf = (labels: Record<string, string>, scaling: Record<string, string>): string[] => {
  const annotations = Object.fromEntries(Object.entries(scaling).map(([key, value]) => [`autoscaling.knative.dev/${key}`, value]));
  return scalingFindings({ metadata: { name: 'x', labels, annotations }, spec: { containers: [] } }).map(({ code }) => code);
};
const instance = { 'serving.knative.dev/revision': 'fn-00001' };

test.each([[{}], [{ 'min-scale': '0' }], [{ class: 'kpa.autoscaling.knative.dev' }]])(
  'an instance that Knative takes away when it is idle is told of: %j',
  (scaling) => {
    expect(codesOf(instance, scaling)).toEqual(['KM-SCALED']);
  },
);

test.each([[{ 'min-scale': '1' }], [{ minScale: '2' }], [{ class: 'hpa.autoscaling.knative.dev' }]])(
  'and none that stays: %j',
  (scaling) => {
    expect(codesOf(instance, scaling)).toEqual([]);
  },
);

test('nor a pod that is no instance of a Revision', () => {
  expect(codesOf({ app: 'web' }, {})).toEqual([]);
});
