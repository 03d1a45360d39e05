import { onInterruption } from '../../src/cli/interruption.ts';

// A command whose roll-back never comes to its end.
const { signal } = onInterruption(process.stderr, (message) => process.stderr.write(`${message}\n`));
signal.addEventListener('abort', () => process.stdout.write('rolling back\n'));
setInterval(() => undefined, 60_000);
process.stdout.write('ready\n');
