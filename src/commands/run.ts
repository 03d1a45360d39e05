import { version } from '../version.ts';
import type { Command, CommandName, Streams } from '../cli/command.ts';
import type { CommandLine } from '../cli/command-line.ts';
import { commands, moveCommand } from '../cli/commands.ts';
import { helpText } from '../cli/help.ts';

/** What each command does with a command line of its own; what it needs is imported only then. */
const runners: Readonly<Record<CommandName, (line: CommandLine, streams: Streams) => Promise<void>>> = {
  '': async (line, streams) => {
    const { migrateArguments } = await import('../cli/migrate-arguments.ts');
    const args = migrateArguments(line);
    const { migrateCommand } = await import('./migrate.ts');
    await migrateCommand(args, streams);
  },
  'targets': async (line, streams) => {
    const { targetsArguments } = await import('../cli/targets-arguments.ts');
    const args = targetsArguments(line);
    const { targetsCommand } = await import('./targets.ts');
    await targetsCommand(args, streams);
  },
  'completion': async (line, streams) => {
    const { setUpCompletion } = await import('./completion.ts');
    setUpCompletion(line, streams);
  },
  'help': async ({ words, refuse }, { out }) => {
    const { commandNamed } = await import('../cli/command-line.ts');
    out.write(helpText(words.length === 0 ? moveCommand : commandNamed(words.join(' '), refuse)));
  },
};

/** Runs one command line. @throws whatever is to be told to the user; nothing is printed for it here */
export async function runCli(words: readonly string[], streams: Streams): Promise<void> {
  const explained = explainedBy(words);
  if (explained) {
    streams.out.write(helpText(explained));
    return;
  }
  const { readCommandLine } = await import('../cli/command-line.ts');
  const line = await readCommandLine(words);
  if (line.last('help') === 'true') streams.out.write(helpText(line.command));
  else if (line.command === moveCommand && line.last('version') === 'true') streams.out.write(`kubectl-migrate v${version}\n`);
  else await runners[line.command.name](line, streams);
}

/** The command whose help is all that a line asks for. That needs no parser, which takes longer to load than all else. */
function explainedBy(words: readonly string[]): Command | undefined {
  const flag = words.at(-1) ?? '--help';
  return flag === '--help' || flag === '-h' ? commands.find(({ name }) => name === words.slice(0, -1).join(' ')) : undefined;
}
