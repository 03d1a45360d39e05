import { calledAs, type Command } from './command.ts';
import { commands, globalFlags } from './commands.ts';
import { formatTexts } from './output/output.ts';
import { helpFlag, shownFlag, type Flag } from './flags.ts';

/** docs/flags.md, made of the table of commands; `npm run docs` writes it. */
export function referenceText(): string {
  return (
    [
      '# Commands, flags and exit codes',
      'Made by `npm run docs` from the table of commands (src/cli/commands.ts), as `--help` is.',
      ...commands.filter(({ isHidden }) => !isHidden).flatMap(commandSections),
      'What is in the way of a move, lost or changed by it has a code: [findings](findings.md) lists them, with a page each.',
      '## Output formats',
      table(
        ['`-o`', 'what is printed'],
        Object.entries(formatTexts).map(([format, text]) => [`\`${format}\``, text]),
      ),
      'A template of JSONPath means what it means to kubectl, with three differences. A path alone needs no braces (`jsonpath=.frozenMs`). What is not there prints nothing, an index beyond the end too: the pod has moved by then, and no template shall make an error of that. A pair of braces holds one thing, and a range must be ended; a template that is none is refused before anything is touched.',
      '## Flags of every command',
      'They mean what they mean to kubectl, and come after `kubectl migrate`.',
      flagTable([...globalFlags, helpFlag]),
    ].join('\n\n') + '\n'
  );
}

function commandSections(command: Command): string[] {
  const { summary, description, examples, usage, positional, flags, exitCodes } = command;
  return [
    `## ${calledAs(command)}`,
    [summary, ...description].join('\n\n'),
    `    ${calledAs(command)} ${usage}`,
    ...(positional ? [`\`${positional.shown}\`: ${positional.text}`] : []),
    '```\n' + examples.map(({ purpose, line }) => `# ${purpose}\n${line}`).join('\n\n') + '\n```',
    flagTable(flags),
    table(
      ['exit code', 'meaning'],
      Object.entries(exitCodes).map(([code, meaning]) => [code, meaning]),
    ),
  ];
}

function flagTable(flags: readonly Flag[]): string {
  return table(
    ['flag', 'meaning'],
    flags.map((flag) => [`\`${shownFlag(flag)}\``, flag.text]),
  );
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`)
    .join('\n');
}
