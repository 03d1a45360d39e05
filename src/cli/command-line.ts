import yargs from 'yargs';
import { MigrateError } from '../errors.ts';
import { didYouMean } from '../did-you-mean.ts';
import { calledAs, type Command, type Given, type Refuse } from './command.ts';
import { commands, flagsOf, moveCommand } from './commands.ts';
import { plainWords } from './normalize-argv.ts';

/** A command line taken apart, with nothing of it judged yet but its flags' names. */
export interface CommandLine {
  readonly command: Command;
  /** The words that are no flags, without the command's name. */
  readonly words: readonly string[];
  readonly given: Given;
  /** A flag's last value; undefined when it was not given, or given empty. */
  readonly last: (name: string) => string | undefined;
  readonly refuse: Refuse;
}

/**
 * Takes a command line apart.
 *
 * @throws MigrateError (usage) when a flag is unknown or lacks its value
 */
export async function readCommandLine(line: readonly string[]): Promise<CommandLine> {
  const plain = plainWords(line, commands.flatMap(flagsOf), refuser(moveCommand));
  const command = commandOf(plain);
  const refuse = refuser(command);
  const found = await parse(plain, command, refuse);
  const given: Given = (name) => [found[name] ?? []].flat().map(String);
  return Object.freeze({
    command,
    words: found._.map(String).slice(command === moveCommand ? 0 : 1),
    given,
    last: (name: string) => given(name).at(-1) || undefined,
    refuse,
  });
}

/** The command of that name. @param refuse is called when there is none */
export function commandNamed(name: string, refuse: Refuse): Command {
  const meant = closestCommand(name);
  return (
    commands.find((one) => one.name === name) ??
    refuse(`unknown command "${name}" for "kubectl migrate"`, meant && `Did you mean ${meant}?`)
  );
}

/** The command whose name a word probably stands for, if any. */
export function closestCommand(word: string): string | undefined {
  const listed = commands.filter((one) => one !== moveCommand && !one.isHidden);
  return didYouMean(
    word,
    listed.map(({ name }) => name),
  );
}

/** The first word that is no flag tells; behind `--` there are only pods. */
function commandOf(plain: readonly string[]): Command {
  const first = plain.find((word) => word === '--' || !/^-./.test(word));
  return commands.find(({ name }) => name !== '' && name === first) ?? moveCommand;
}

async function parse(
  plain: readonly string[],
  command: Command,
  refuse: Refuse,
): Promise<Record<string, unknown> & { _: (string | number)[] }> {
  const parser = yargs()
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .strictOptions()
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-positional-numbers': false,
    })
    .fail((message, error) => unknownFlag((message ?? error?.message ?? '').replace(/^Unknown arguments?: /, ''), command, refuse))
    .options(Object.fromEntries(flagsOf(command).map(({ name }) => [name, { type: 'string' as const }])));
  return await parser.parseAsync([...plain]);
}

/** @param message names of flags as the parser tells them, of which the first counts */
function unknownFlag(message: string, command: Command, refuse: Refuse): never {
  const name = message.split(', ')[0] ?? '';
  if (name === 'to' && command !== moveCommand) {
    return refuse(
      `unknown flag: --to`,
      `"${command.name}" is a command; a pod of that name is moved by 'kubectl migrate pod/${command.name} --to CLUSTER'.`,
    );
  }
  const meant = didYouMean(
    name,
    flagsOf(command).map((flag) => flag.name),
  );
  return refuse(name.length === 1 ? `unknown shorthand flag: '${name}'` : `unknown flag: --${name}`, meant && `Did you mean --${meant}?`);
}

function refuser(command: Command): Refuse {
  return (message, suggestion) => {
    const usage = `See '${calledAs(command)} --help' for usage.`;
    throw new MigrateError('usage', `error: ${message}`, { hint: suggestion ? `${suggestion} ${usage}` : usage });
  };
}
