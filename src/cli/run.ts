import { version } from './agent-image.ts';
import { readCommandLine } from './command-line.ts';
import { moveCommand } from './commands.ts';
import { helpText } from './help.ts';

/** Where a command writes: data to `out`, everything else to `err`. */
export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

/** Runs one command line. @throws whatever is to be told to the user; nothing is printed for it here */
export async function runCli(words: readonly string[], streams: Streams): Promise<void> {
  const line = await readCommandLine(words);
  if (line.last('help') === 'true' || words.length === 0) streams.out.write(helpText(line.command));
  else if (line.command === moveCommand && line.last('version') === 'true') streams.out.write(`kubectl-migrate v${version}\n`);
  else await line.command.run(line, streams);
}
