import type { OnEvent } from '../migration/contract.ts';

/** Where a person sees how a migration goes. */
export interface Progress {
  readonly onEvent: OnEvent;
  /** Tells something at once, whatever is being drawn. */
  readonly say: (message: string) => void;
  /** Draws the end of what was begun; call it when nothing more will come. The stream is free for others after it. */
  readonly end: () => Promise<void>;
}

/** A live list where a person looks at a terminal, lines elsewhere. */
export async function progressOn(output: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Promise<Progress> {
  if (output.isTTY && env['TERM'] !== 'dumb' && !env['CI']) {
    const { listedProgress } = await import('./listed-progress.ts');
    return listedProgress(output);
  }
  const { plainProgress } = await import('./plain-progress.ts');
  return plainProgress(output);
}
