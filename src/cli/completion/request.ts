import type { Command, Given } from '../command.ts';
import { commands, flagsOf, moveCommand } from '../commands.ts';
import { valueOfNone, type Flag } from '../flags.ts';
import { plainWords } from '../normalize-argv.ts';
import { kindOf, kinds, type Kind } from '../wanted.ts';
import type { Candidate } from './directives.ts';

/** Where candidates are that only a cluster or a kubeconfig knows. */
export type Source = Kind['kind'] | 'peers' | 'namespaces' | 'contexts' | 'clusters' | 'users';

/** What a command line asks for whose last word is being typed. */
export interface Asked {
  /** Candidates that are known without asking anybody; those that do not fit what is typed are still among them. */
  readonly known: readonly Candidate[];
  /** Where there are more. */
  readonly source?: Source;
  /** What the shell itself completes. */
  readonly fromShell?: 'files' | 'folders';
  /** What a candidate has to begin with. */
  readonly typed: string;
  /** What stands before it in the same word. A long flag's name and `=` do not: the shells put that back themselves. */
  readonly before: string;
  /** Words that are on the line already, and mean nothing a second time. */
  readonly taken?: readonly string[];
  /** The flags before the word: they tell which cluster is to be asked. */
  readonly given: Given;
}

type Place = Pick<Asked, 'known' | 'source' | 'fromShell'>;

const sources: Readonly<Record<string, Source>> = {
  to: 'peers',
  namespace: 'namespaces',
  context: 'contexts',
  cluster: 'clusters',
  user: 'users',
};
const fromShell: Readonly<Record<string, 'files' | 'folders'>> = {
  'cache-dir': 'folders',
  'certificate-authority': 'files',
  'client-certificate': 'files',
  'client-key': 'files',
  'dir': 'folders',
  'kubeconfig': 'files',
  'timeline': 'files',
};

/** Nobody can type it: no word of a command line holds a NUL. */
const unfinished = '\0';

/** Understands a command line of which any part may be wrong or missing: what makes no sense asks for nothing. */
export function askedBy(line: readonly string[]): Asked {
  const word = line.at(-1) ?? '';
  const all = commands.flatMap(flagsOf);
  // The same reading as when it is run: the last word turns out to be a flag's value, or a word of its own.
  const plain = plainWords([...line.slice(0, -1), unfinished], all, () => {
    throw new Error('no flag is last');
  });
  const { command, words, given, isBehindFlags } = read(plain.slice(0, -1));
  const valued = /^--([^=]+)=\0$/.exec(plain.at(-1) ?? '')?.[1];
  if (valued !== undefined) return { ...valuesOf(flagNamed(command, valued)), typed: word, before: '', given };
  if (!isBehindFlags && word.startsWith('-')) return { ...flagWord(command, word, given), given };
  return { ...ordinaryWord(command, words, word, given, isBehindFlags ? [] : commandNames()), given };
}

function read(plain: readonly string[]): { command: Command; words: readonly string[]; given: Given; isBehindFlags: boolean } {
  const end = plain.indexOf('--');
  const before = end === -1 ? plain : plain.slice(0, end);
  const words = before.filter((word) => !/^-./.test(word));
  const command = commands.find(({ name }) => name !== '' && name === words[0]) ?? moveCommand;
  const given: Given = (name) => before.flatMap((word) => (word.startsWith(`--${name}=`) ? [word.slice(name.length + 3)] : []));
  const behind = end === -1 ? [] : plain.slice(end + 1);
  return { command, words: [...words.slice(command === moveCommand ? 0 : 1), ...behind], given, isBehindFlags: end !== -1 };
}

/** A word that begins with a dash: a flag's name, or its name and the beginning of its value. */
function flagWord(command: Command, word: string, given: Given): Omit<Asked, 'given'> {
  const [, long, longValue = ''] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
  if (long !== undefined) return { ...valuesOf(flagNamed(command, long)), typed: longValue, before: '' };
  const [, short, equals = '', shortValue = ''] = /^-([^-=])(=?)(.*)$/s.exec(word) ?? [];
  const flag = flagsOf(command).find((one) => one.short === short);
  if (flag && valueOfNone(flag) === undefined && equals + shortValue !== '') {
    return { ...valuesOf(flag), typed: shortValue, before: equals === '' ? `-${short}` : '' };
  }
  return { known: namesOf(flagsOf(command).filter((one) => one.kind === 'list' || given(one.name).length === 0)), typed: word, before: '' };
}

/** @param names of commands that may stand here */
function ordinaryWord(
  command: Command,
  words: readonly string[],
  word: string,
  given: Given,
  names: readonly Candidate[],
): Omit<Asked, 'given'> {
  const takes = command.positional?.shown ?? '';
  if (/\bCOMMAND\b/.test(takes) && words.length === 0) return { known: names, typed: word, before: '' };
  // Nothing but the peer is missing behind the first pod; there may be more of them.
  const isMissing = words.length > 0 || given('selector').length > 0;
  const missing =
    command === moveCommand && isMissing ? flagsOf(command).filter((flag) => flag.name === 'to' && given('to').length === 0) : [];
  const others: Omit<Asked, 'given'> = { known: namesOf(missing), typed: word, before: '' };
  if (!/\bPOD\b/.test(takes) || given('selector').length > 0) return others;
  const [, kind = '', typed = word] = /^([^/]*\/)(.*)$/s.exec(word) ?? [];
  const first = kindOf(words[0]);
  if (kind !== '') {
    const source = first ? undefined : kindOf(kind.slice(0, -1))?.kind;
    return source ? { known: [], source, typed, before: kind, taken: words } : others;
  }
  if (first) return { ...others, source: first.kind, taken: words };
  const known = [...(words.length === 0 && command === moveCommand ? names : []), ...others.known, ...kindNames()];
  return { ...others, known, source: 'Pod', taken: words };
}

function kindNames(): Candidate[] {
  return kinds
    .filter(({ kind }) => kind !== 'Pod')
    .map(({ kind, word }) => ({ value: `${word}/`, about: `the pods of a ${kind === 'KnativeService' ? 'Knative Service' : kind}` }));
}

function valuesOf(flag: Flag | undefined): Place {
  if (!flag) return { known: [] };
  const values = flag.kind === 'boolean' ? ['true', 'false'] : (flag.values ?? []);
  const known = values.map((value) => ({ value }));
  const source = sources[flag.name];
  const shell = fromShell[flag.name];
  return { known, ...(source && { source }), ...(shell && { fromShell: shell }) };
}

function flagNamed(command: Command, name: string): Flag | undefined {
  return flagsOf(command).find((flag) => flag.name === name);
}

function namesOf(flags: readonly Flag[]): Candidate[] {
  return flags.flatMap(({ name, short, text }) =>
    [`--${name}`, ...(short ? [`-${short}`] : [])].map((value) => ({ value, about: firstSentence(text) })),
  );
}

function commandNames(): Candidate[] {
  return commands
    .filter(({ name, isHidden }) => name !== '' && !isHidden)
    .map(({ name, summary }) => ({ value: name, about: summary.replace(/\.$/, '') }));
}

function firstSentence(text: string): string {
  return text.split(/\.(?:\s|$)/, 1)[0] ?? text;
}
