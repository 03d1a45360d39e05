import { expect, test } from 'vitest';
import { withoutPod, type Endpoints } from '../../src/quiesce/drain.ts';

const ports = [{ name: 'http', port: 8012 }];
const address = (ip: string, uid: string): { ip: string; targetRef: { uid: string } } => ({ ip, targetRef: { uid } });
const endpointsOf = (subsets: NonNullable<Endpoints['subsets']> | null): Endpoints => ({ metadata: { name: 'fn-private' }, subsets });

test("a pod's address is taken out, ready or not, and what belongs to others stays as it is", () => {
  const subsets = [
    { addresses: [address('10.0.0.1', 'ours'), address('10.0.0.2', 'other')], notReadyAddresses: [address('10.0.0.3', 'third')], ports },
    { notReadyAddresses: [address('10.0.0.4', 'ours')], ports },
  ];
  expect(withoutPod(endpointsOf(subsets), 'ours')).toEqual([
    { addresses: [address('10.0.0.2', 'other')], notReadyAddresses: [address('10.0.0.3', 'third')], ports },
  ]);
});

test('the only address leaves nothing behind', () => {
  expect(withoutPod(endpointsOf([{ addresses: [address('10.0.0.1', 'ours')], ports }]), 'ours')).toEqual([]);
});

test.each([[null], [[]], [[{ addresses: [address('10.0.0.1', 'new object of the same pod')], ports }]]])(
  'where it is not there nothing is to be done: %j',
  (subsets) => {
    expect(withoutPod(endpointsOf(subsets), 'ours')).toBeUndefined();
  },
);
