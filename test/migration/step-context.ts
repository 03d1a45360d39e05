import type { StepContext } from '../../src/migration/step.ts';

/** For a step whose words nobody hears, and that nobody stops. */
export const context: StepContext = {
  progress: () => undefined,
  bytes: () => undefined,
  onEvent: () => undefined,
  signal: new AbortController().signal,
  ignoreStop: () => undefined,
};
