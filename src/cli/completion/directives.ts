/** A word that could come next. */
export interface Candidate {
  readonly value: string;
  /** A few words about it, which the shells show beside it. */
  readonly about?: string;
}

/** What the shell shall do with an answer: cobra's directives, which are added up. */
export const directives = { noSpace: 2, noFiles: 4, onlyFolders: 16 } as const;

/** Words that mean themselves in every shell. Some versions of kubectl's scripts have the shell expand what we say. */
const plain = /^[\p{L}\p{N}_@%+=:,./-]+$/u;
const longestAbout = 120;

/**
 * An answer as kubectl reads it: a line for each candidate, its description behind a tab, and a last line with the
 * directives. Names and descriptions come out of clusters and files that others write: a name that a shell would not
 * read as it stands is left out, and descriptions lose everything that could steer a terminal.
 */
export function answerText(candidates: readonly Candidate[], directive: number): string {
  const lines = candidates
    .filter(({ value }) => plain.test(value))
    .map(({ value, about = '' }) => (about === '' ? value : `${value}\t${harmless(about)}`));
  return [...new Set(lines), `:${directive}`, ''].join('\n');
}

function harmless(text: string): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return line.length <= longestAbout ? line : `${line.slice(0, longestAbout - 1).trimEnd()}…`;
}
