import type { Progress } from './progress.ts';

/** A live list where a person looks at a terminal, lines elsewhere. */
export async function progressOn(output: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Promise<Progress> {
  if (output.isTTY && env['TERM'] !== 'dumb' && !env['CI']) {
    const { listedProgress } = await import('./listed-progress.ts');
    return listedProgress(output);
  }
  const { plainProgress } = await import('./plain-progress.ts');
  return plainProgress(output);
}
