import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openLogFile } from '../../src/cli/log-file.ts';

let folder: string;
const now = new Date('2026-11-24T03:00:00.123Z');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubectl-migrate-test-'));
  vi.stubEnv('TMPDIR', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('a log holds JSON lines that only its user can read, until it is removed', () => {
  const log = openLogFile('demo', 'web-0', now);
  log.write({ type: 'log', message: 'one' });
  log.write({ type: 'step-started', step: 'plan' });
  const path = log.path ?? '';
  expect(path).toBe(join(folder, 'kubectl-migrate-demo-web-0-2026-11-24T03-00-00-123Z.log'));
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ type: 'log', message: 'one' }),
    expect.objectContaining({ step: 'plan' }),
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  log.remove();
  expect(existsSync(path)).toBe(false);
});

test('what lies in its place is neither followed nor written to', () => {
  symlinkSync(join(folder, 'victim'), join(folder, 'kubectl-migrate-demo-web-0-2026-11-24T03-00-00-123Z.log'));
  const log = openLogFile('demo', 'web-0', now);
  log.write({ type: 'log', message: 'one' });
  expect(existsSync(join(folder, 'victim'))).toBe(false);
  expect(readdirSync(folder)).toHaveLength(2);
});

test('a folder that cannot be written to is no reason to fail', () => {
  vi.stubEnv('TMPDIR', join(folder, 'missing'));
  const log = openLogFile('demo', 'web-0', now);
  log.write({ type: 'log', message: 'one' });
  log.remove();
  expect(log.path).toBeUndefined();
});
