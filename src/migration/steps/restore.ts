import type { Measures, Step } from '../step.ts';
import type { FrozenPart } from './frozen-part.ts';

/** Waits until the pod stands restored at the peer, and held. */
export const restore: Step<FrozenPart, Measures> = {
  name: 'restore',
  writes: () => [],
  run: async (frozen) => frozen.until('held', ['held']),
};
