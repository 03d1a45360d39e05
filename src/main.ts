import { version } from './version.ts';
import { wordsToComplete } from './cli/completion/invocation.ts';

// A reader that has seen enough closes the pipe; that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Nobody is left to be told, and a migration must not end half-way because of it.
process.stderr.on('error', () => undefined);

const typed = wordsToComplete(process.argv);
void (typed ? complete(typed) : main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<void> {
  if (words.length === 1 && words[0] === '--version') {
    process.stdout.write(`kubectl-migrate v${version}\n`);
    return;
  }
  try {
    const { runCli } = await import('./commands/run.ts');
    await runCli(words, { out: process.stdout, err: process.stderr });
  } catch (error) {
    const { errorText, exitCodeOf } = await import('./cli/error-text.ts');
    process.stderr.write(errorText(error, process.env));
    process.exitCode = exitCodeOf(error);
  }
  // Nothing of a finished command may keep the process: a half-open exec session, say.
  process.stdout.write('', () => process.exit());
}

/** Answers a shell, whose user is in the middle of a line: whatever happens, no word may get between. */
async function complete(words: readonly string[]): Promise<void> {
  process.removeAllListeners('warning');
  process.on('uncaughtException', () => process.exit());
  const completion = await import('./cli/completion/complete.ts');
  process.stdout.write(await completion.complete(words), () => process.exit());
}
