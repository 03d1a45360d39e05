#!/usr/bin/env node
import { version } from './cli/agent-image.ts';

// A reader that has seen enough closes the pipe; that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const words = process.argv.slice(2);
if (words.length === 1 && words[0] === '--version') {
  process.stdout.write(`kubectl-migrate v${version}\n`);
} else {
  const { runCli } = await import('./cli/run.ts');
  process.exitCode = await runCli(words, process.stdout, process.stderr);
  // Nothing of a finished command may keep the process: a half-open exec session, say.
  process.stdout.write('', () => process.exit());
}
