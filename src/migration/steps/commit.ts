import type { Measures, Step } from '../step.ts';
import type { FrozenPart, Moved } from './frozen-part.ts';

/** Waits until it runs there, or is settled not to. */
export const commit: Step<FrozenPart, Moved & Measures> = {
  name: 'commit',
  writes: () => [],
  run: async (frozen) => frozen.end(),
};
