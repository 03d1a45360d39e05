import { valueOfNone, type Flag } from './flags.ts';

/**
 * Brings a command line into the one form that every parser reads alike, `--name=value`. kubectl's own parser takes the
 * word after a flag for its value whatever it is, knows `-nvalue`, and flags that have a value only after `=`; yargs
 * differs in all three.
 *
 * @param flags all that may occur; a flag means the same in every command that has it
 * @param fail is called with kubectl's words when a flag lacks its value
 */
export function plainWords(words: readonly string[], flags: readonly Flag[], fail: (message: string) => never): string[] {
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return [...plain, ...words.slice(at)];
    const { flag, value } = flagOf(word, flags);
    const none = flag && valueOfNone(flag);
    if (!flag) plain.push(word);
    else if (value !== undefined) plain.push(`--${flag.name}=${value}`);
    else if (none !== undefined) plain.push(`--${flag.name}=${none}`);
    else if (at + 1 < words.length) plain.push(`--${flag.name}=${words[++at]}`);
    else fail(`flag needs an argument: ${word}`);
  }
  return plain;
}

function flagOf(word: string, flags: readonly Flag[]): { flag: Flag | undefined; value: string | undefined } {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
  if (long) return { flag: flags.find(({ name }) => name === long[1]), value: long[2] };
  const short = /^-([^-=])=?(.*)$/s.exec(word);
  const flag = short ? flags.find((one) => one.short === short[1]) : undefined;
  return { flag, value: word.length > 2 ? short?.[2] : undefined };
}
