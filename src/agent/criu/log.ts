import { readFile } from 'node:fs/promises';

/**
 * CRIU's own reason for a failure: the first line of its log that says `Error`. runc only tells "criu failed".
 * The two lines that are in every log here are no reasons.
 *
 * @returns undefined when there is no log or no such line
 */
export async function firstError(logFile: string): Promise<string | undefined> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.includes('Error (') && !/RLIMIT_NOFILE|recv req error/.test(line))
    .map((line) =>
      line
        .replace(/^\(\d+\.\d+\)\s*/, '')
        .replace(/^\s*\d+:\s*/, '')
        .trim(),
    )[0];
}
