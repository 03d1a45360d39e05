import type { OnEvent } from '../../migration/contract.ts';

/** Where a person sees how a migration goes. */
export interface Progress {
  readonly onEvent: OnEvent;
  /** Tells something at once, whatever is being drawn. */
  readonly say: (message: string) => void;
  /** Draws the end of what was begun; call it when nothing more will come. The stream is free for others after it. */
  readonly end: () => Promise<void>;
}
