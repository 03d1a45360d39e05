import { calledAs, commands, globalFlags, moveCommand, type Command } from './commands.ts';
import { shownFlag, type Flag } from './flags.ts';

/** What `--help` prints of a command, in the layout of kubectl's own help. */
export function helpText(command: Command = moveCommand): string {
  const listed = command === moveCommand ? commands.filter(({ name, isHidden }) => name !== '' && !isHidden) : [];
  const sections = [
    [command.summary, ...command.description.map((paragraph) => ` ${paragraph}`)].join('\n\n'),
    section('Examples', command.examples.map(({ purpose, line }) => `  # ${purpose}\n  ${line}`).join('\n\n')),
    section('Available Commands', listed.map(({ name, summary }) => `  ${name.padEnd(12)}  ${summary.replace(/\.$/, '')}`).join('\n')),
    section('Options', command.flags.map((flag) => `    ${shownFlag(flag)}:\n\t${flag.text}`).join('\n\n')),
    section('Usage', `  ${calledAs(command)} ${command.usage}`),
    `Exit codes: ${Object.entries(command.exitCodes)
      .map((pair) => pair.join(' '))
      .join(', ')}.`,
    listed.length > 0 ? `Use "kubectl migrate <command> --help" for more information about a given command.` : '',
    `These global command-line options of kubectl are understood too (see "kubectl options"):\n${wrapped(globalFlags.filter((flag) => !command.flags.includes(flag)).map(nameOf))}`,
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function section(title: string, text: string): string {
  return text === '' ? '' : `${title}:\n${text}`;
}

function nameOf({ name, short }: Flag): string {
  return short ? `--${name} (-${short})` : `--${name}`;
}

function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + name.length < 78) lines[lines.length - 1] = `${line}, ${name}`;
    else lines.push(`  ${name}`);
  }
  return lines.join(',\n');
}
