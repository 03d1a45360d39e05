import { basename } from 'node:path';

/** The name under which kubectl looks for what completes this plugin's words. */
export const completionName = 'kubectl_complete-migrate';

/**
 * The words typed so far, of which the last is to be completed, if that is what the program was called for: under the
 * name that kubectl looks for, or with the hidden word `__complete`. Every executable asks this first, so nothing is
 * imported for it.
 */
export function wordsToComplete([, called = '', ...words]: readonly string[]): readonly string[] | undefined {
  if (basename(called).replace(/\.exe$/i, '') === completionName) return words;
  return words[0] === '__complete' ? words.slice(1) : undefined;
}
