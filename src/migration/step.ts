import type { OnEvent, StepName } from './contract.ts';
import type { Move } from './plan.ts';
import type { Underway } from './underway.ts';
import type { Write } from './write.ts';

/** What the work of a step found out about itself. */
export interface Measures {
  readonly bytes?: number;
  /** When others measured it better than the time between the step's begin and its end. */
  readonly ms?: number;
  /** When it was over already (performance.now()). */
  readonly endedAt?: number;
}

/** What the work of a step can tell while it goes on. */
export interface StepReporter {
  readonly progress: (message: string) => void;
  /** @param about how much it will be in the end */
  readonly bytes: (bytes: number, about: number) => void;
}

export interface StepContext extends StepReporter {
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
  /** From here on the step minds the user's wish to stop by itself. */
  readonly ignoreStop: () => void;
}

/** One of a migration's steps: what it gets is what the one before has come to. */
export interface Step<In, Out> {
  readonly name: StepName;
  /**
   * All that it changes in the clusters, in its order. The server's dry run, the rights that a plan asks for and docs/rbac.yaml
   * are made of this; a test compares it with what a migration does.
   */
  readonly writes: (move: Move) => readonly Write[];
  /** May return the measures of the step. */
  readonly run: (input: In, context: StepContext) => Promise<Out>;
  /**
   * Takes back what it has done, and all that the record of what was made has of it; also when it was not begun. For a step after
   * which there is only forward there is none.
   *
   * @returns what could not be taken back, with the reason: then the steps before it stay as they are
   */
  readonly undo?: (underway: Underway) => Promise<string[]>;
}
