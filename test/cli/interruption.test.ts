import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { onInterruption } from '../../src/cli/interruption.ts';

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'the first %s rolls back, its echo is nothing, the next leaves at once and tells what may be left',
  async (signal) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'stubborn.ts')], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text;
      child.kill(signal);
      // The echo of one Ctrl-C must not count; one that comes later must.
      if (text.includes('rolling back')) setTimeout(() => child.kill(signal), 800);
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(said.out).toBe('ready\nrolling back\n');
    expect(code).toBe(130);
    expect(said.err).toContain('stopping, and taking back what was done; once more to leave at once\n');
    expect(said.err.split('\n')).toHaveLength(3);
    expect(said.err).toContain('What may be left behind, here and at the peer: kubectl get pods,');
    expect(said.err).toContain('-l app.kubernetes.io/managed-by=kubectl-migrate');
  },
);

test('when nothing can be rolled back any more, nothing else is said', () => {
  const said: string[] = [];
  const { signal, release } = onInterruption(
    process.stderr,
    (message) => said.push(message),
    () => true,
  );
  process.emit('SIGINT');
  release();
  expect(signal.aborted).toBe(true);
  expect(said).toEqual(['the pod runs at the peer already: coming to the end; once more to leave at once']);
});
