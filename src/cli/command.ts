import type { Flag } from './flags.ts';

export type CommandName = '' | 'targets' | 'completion' | 'help';

/** Everything that is known of a command: its help, its parsing, the suggestions and the reference come from here. */
export interface Command {
  /** The word after `kubectl migrate`; empty for the move itself, which has none. */
  readonly name: CommandName;
  /** One line. */
  readonly summary: string;
  /** Paragraphs that follow it in the command's help. */
  readonly description: readonly string[];
  readonly examples: readonly { readonly purpose: string; readonly line: string }[];
  /** What stands after the command in its usage line. */
  readonly usage: string;
  /** What its words are that are no flags; none are allowed without it. */
  readonly positional?: { readonly shown: string; readonly text: string };
  /** The flags that its help lists; the connection's and `--help` every command has. */
  readonly flags: readonly Flag[];
  /** What the codes that it ends with mean to the user. */
  readonly exitCodes: Readonly<Record<number, string>>;
  /** Not listed in helps. */
  readonly isHidden?: true;
}

/** How a command is called: `kubectl migrate targets`. */
export function calledAs({ name }: Command): string {
  return name === '' ? 'kubectl migrate' : `kubectl migrate ${name}`;
}

/** A flag's values as they were given: none, one, or all of them in their order. */
export type Given = (name: string) => readonly string[];

/** Ends with an error of usage, worded as kubectl words it. @param suggestion what was probably meant, a sentence */
export type Refuse = (message: string, suggestion?: string) => never;

/** Where a command writes: data to `out`, everything else to `err`. */
export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}
