import { parseArguments } from './arguments.ts';
import { version } from './agent-image.ts';
import { helpText } from './help.ts';

/** Where a command writes: data to `out`, everything else to `err`. */
export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

/** Runs one command line. @throws whatever is to be told to the user; nothing is printed for it here */
export async function runCli(words: readonly string[], { out, err }: Streams): Promise<void> {
  const args = await parseArguments(words);
  switch (args.verb) {
    case 'help':
      out.write(helpText());
      return;
    case 'version':
      out.write(`kubectl-migrate v${version}\n`);
      return;
    case 'migrate': {
      const { migrateCommand } = await import('../commands/migrate.ts');
      await migrateCommand(args, { out, err });
    }
  }
}
