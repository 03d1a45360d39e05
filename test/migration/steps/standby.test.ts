import { expect, test } from 'vitest';
import type { Prepared } from '../../../src/migration/prepared.ts';
import { standby } from '../../../src/migration/steps/standby.ts';
import { context } from '../step-context.ts';

/** What is done for a standby up to its ShadowPod, by an agent that awaits the pod or does not. */
async function done(isAwaited: boolean): Promise<string[]> {
  const steps: string[] = [];
  const prepared = {
    plan: {
      id: 'm',
      pod: { metadata: { name: 'web-0', namespace: 'demo', uid: 'u' }, spec: { containers: [{ name: 'main', image: 'x' }] } },
      peer: { virtualNode: 'away', offloadingPatch: {}, taints: [] },
      twinNamespace: 'twin',
      carries: [],
      tokens: [],
    },
    target: {
      call: async (name: string) => {
        steps.push(name);
        return Promise.resolve({ isAwaited });
      },
    },
    targetTwin: { metadata: { name: 'helper', uid: 'h' }, spec: { nodeName: 'away-1' } },
    pins: new Map(),
    underway: {
      made: {
        create: async (_object: unknown, { collection }: { readonly collection: string }) => {
          steps.push(collection);
          return Promise.reject(new Error('no more than that'));
        },
      },
    },
  } as unknown as Prepared;
  await standby.run(prepared, context).catch((error: unknown) => steps.push((error as Error).message));
  return steps;
}

const shadowPods = '/apis/offloading.liqo.io/v1beta1/namespaces/twin/shadowpods';

test('no pod is made at the peer before its agent there knows that one may come', async () => {
  expect(await done(true)).toEqual(['target.await', 'target.expect', shadowPods, 'no more than that']);
});

test('no pod is made at the peer when its agent there has given up meanwhile', async () => {
  expect(await done(false)).toEqual(['target.await', 'target.expect', expect.stringContaining('has given up meanwhile')]);
});
