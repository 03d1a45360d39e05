import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Does something while nobody else on this machine does the same. The turn is the kernel's lock of a child that ends with
 * this process, however it ends. Without flock(1), as on macOS, it is everybody's turn.
 */
export async function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lock = join(tmpdir(), `kubectl-migrate-${name}.lock`);
  const holder = spawn('flock', [lock, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => {
    holder.once('error', () => resolve());
    holder.once('close', () => resolve());
  });
  await Promise.race([once(holder.stdout, 'data'), ended]);
  try {
    return await work();
  } finally {
    holder.stdin.on('error', () => undefined).end();
    await ended;
  }
}
