import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCli } from '../../src/cli/run.ts';

let bin: string;
let made: string;

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  made = join(bin, 'kubectl_complete-migrate');
  writeFileSync(join(bin, 'kubectl-migrate'), '#!/bin/sh\n');
  chmodSync(join(bin, 'kubectl-migrate'), 0o755);
  vi.stubEnv('PATH', bin);
  vi.stubEnv('SHELL', '/usr/bin/zsh');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(bin, { recursive: true });
});

async function completion(...words: string[]): Promise<{ out: string; err: string }> {
  const streams = { out: new PassThrough(), err: new PassThrough() };
  await runCli(['completion', ...words], streams as unknown as Parameters<typeof runCli>[1]);
  const text = (stream: PassThrough): string => ((stream.read() as Buffer | null) ?? '').toString();
  return { out: text(streams.out), err: text(streams.err) };
}

test('without a flag, it tells what to do in every shell and does nothing', async () => {
  const { out, err } = await completion();
  await expect(out).toMatchFileSnapshot('completion.txt');
  expect(err).toBe('');
  expect(existsSync(made)).toBe(false);
});

test('--install tells what it made, and the one thing that may be left to do', async () => {
  expect(await completion('--install')).toEqual({
    out: `${made} made\n`,
    err: 'If kubectl itself does not complete in your shell yet: source <(kubectl completion zsh)\n',
  });
  expect((await completion('--install')).out).toBe(`${made} is there already\n`);
  expect(await completion('--uninstall')).toEqual({ out: `${made} removed\n`, err: '' });
  expect(await completion('--uninstall')).toEqual({ out: 'there is nothing to remove\n', err: '' });
});

test('--install tells when kubectl would not find what it made, or another one', async () => {
  const other = join(bin, '..');
  expect((await completion('--install', '--dir', bin)).err).toContain('kubectl completion zsh');
  vi.stubEnv('PATH', other);
  expect((await completion('--install', '--dir', bin)).err).toBe('note: that folder is not in PATH, where kubectl looks for it\n');
  const first = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  vi.stubEnv('PATH', [first, bin].join(delimiter));
  writeFileSync(join(first, 'kubectl_complete-migrate'), '');
  chmodSync(join(first, 'kubectl_complete-migrate'), 0o755);
  expect((await completion('--install')).err).toBe(`note: kubectl finds ${join(first, 'kubectl_complete-migrate')} first\n`);
  rmSync(first, { recursive: true });
});

test.each<[string, string[]]>([
  ['error: --install and --uninstall exclude each other', ['--install', '--uninstall']],
  ['error: --dir is for --install and --uninstall', ['--dir', '/tmp']],
  ['error: unknown word "bash": kubectl\'s own completion code for a shell comes from: kubectl completion bash', ['bash']],
])('%s', async (message, words) => {
  await expect(completion(...words)).rejects.toMatchObject({ message, exitCode: 2 });
  expect(existsSync(made)).toBe(false);
});
