import type { Given } from '../command.ts';
import { answerText, directives, type Candidate } from './directives.ts';
import { askedBy, type Asked, type Source } from './request.ts';

/** Where candidates come from that are not known beforehand. */
export type Ask = (source: Source, given: Given) => Promise<Candidate[]>;

/**
 * The answer to kubectl's question what the last of these words could be. Whatever goes wrong on the way, a cluster that
 * cannot be reached or a line that makes no sense, only leaves candidates out: nobody who types wants to read of it.
 */
export async function complete(words: readonly string[], ask: Ask = askSource): Promise<string> {
  const asked = askedBy(words);
  const { known, source, typed, before, given, taken = [] } = asked;
  const found = source ? await ask(source, given).catch(() => []) : [];
  // A pod with the name of a command is not what that name would mean.
  const all = [...known, ...found.filter(({ value }) => !known.some((one) => one.value === value))];
  // What others wrote has the types that they chose.
  const fitting = all.filter(({ value }) => typeof value === 'string' && value.startsWith(typed) && !taken.includes(before + value));
  const isBegun = fitting.length > 0 && fitting.every(({ value }) => /[=/]$/.test(value));
  const candidates = fitting.map((one) => ({ ...one, value: before + one.value }));
  return answerText(candidates, shellPart(asked) | (isBegun ? directives.noSpace : 0));
}

function shellPart({ fromShell }: Asked): number {
  if (fromShell === 'files') return 0;
  return fromShell === 'folders' ? directives.onlyFolders : directives.noFiles;
}

const askSource: Ask = async (source, given) => {
  const { candidatesFrom } = await import('./sources.ts');
  return await candidatesFrom(source, given);
};
