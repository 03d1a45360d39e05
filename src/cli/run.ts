import { styleText } from 'node:util';
import { MigrateError } from '../errors.ts';
import { KubeError } from '../kube/errors.ts';
import { parseArguments } from './flags.ts';
import { helpText } from './help.ts';

/** Runs one command line. @returns the exit code; every error has been told on `err` by then */
export async function runCli(words: readonly string[], out: NodeJS.WriteStream, err: NodeJS.WriteStream): Promise<number> {
  try {
    const args = await parseArguments(words.length === 0 ? ['--help'] : words);
    if (args.help) {
      out.write(helpText());
      return 0;
    }
    const { migrateCommand } = await import('../commands/migrate.ts');
    await migrateCommand(args, out, err);
    return 0;
  } catch (error) {
    return tell(error, err);
  }
}

function tell(error: unknown, err: NodeJS.WriteStream): number {
  if (error instanceof MigrateError) {
    const message = error.message.startsWith('error: ') ? error.message : `error: ${error.message}`;
    err.write(`${styleText('red', message, { stream: err })}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
    return error.exitCode;
  }
  const message = error instanceof KubeError ? error.message : `error: ${error instanceof Error ? error.message : String(error)}`;
  err.write(`${message}\n`);
  if (process.env['DEBUG'] && error instanceof Error) err.write(`${error.stack}\n`);
  return 1;
}
