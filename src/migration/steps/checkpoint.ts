import type { Measures, Step } from '../step.ts';
import { letSourceRun } from './let-source-run.ts';
import { startFrozenPart, type FrozenPart } from './frozen-part.ts';
import type { Standby } from './standby.ts';

/** Freezes the pod, and sends what it is. */
export const checkpoint: Step<Standby, { readonly frozen: FrozenPart } & Measures> = {
  name: 'checkpoint',
  writes: () => [],
  run: async (standby, { progress, bytes, onEvent, signal, ignoreStop }) => {
    progress('freezing');
    ignoreStop();
    const frozen = startFrozenPart(standby, onEvent, signal);
    return { frozen, ...(await frozen.until('sent', ['frozen', 'sent'], bytes)) };
  },
  undo: letSourceRun,
};
