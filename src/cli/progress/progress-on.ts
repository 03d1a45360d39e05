import type { StepName } from '../../migration/contract.ts';
import type { Progress } from './progress.ts';

/** Beside the list: a line below the step that is under way, and the prompt. */
const otherRows = 2;

/** A live list where a person looks at a terminal that it has room in, lines elsewhere, and beside a log. */
export async function progressOn(
  output: NodeJS.WriteStream,
  env: NodeJS.ProcessEnv,
  steps: readonly StepName[],
  isLogged = false,
): Promise<Progress> {
  if (!isLogged && output.isTTY && env['TERM'] !== 'dumb' && !env['CI'] && output.rows >= steps.length + otherRows) {
    const { listedProgress } = await import('./listed-progress.ts');
    return listedProgress(output, steps);
  }
  const { plainProgress } = await import('./plain-progress.ts');
  return plainProgress(output);
}
