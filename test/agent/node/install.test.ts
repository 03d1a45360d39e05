import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';

const folder = vi.hoisted(() => `/tmp/install-test-${process.pid}`);
const node = join(folder, 'node');

// This machine is the node, and our programs are on it already.
vi.mock('../../../src/agent/node/host.ts', () => ({
  hostProc: '/proc',
  nodeDir: `${folder}/node`,
  onHost: (path: string) => (path.startsWith('/sys/') ? `${folder}${path}` : path),
}));
vi.mock('../../../src/agent/node/program-version.ts', () => ({ requireOwnVersion: async () => Promise.resolve() }));
vi.mock('../../../src/agent/criu/kerndat.ts', () => ({ forgetKerndat: () => undefined }));

const { install, uninstall } = await import('../../../src/agent/node/install.ts');

beforeEach(() => {
  for (const name of ['tools', 'wrapper', 'hook', 'noop', 'guard', 'relay', 'made-of']) mkdirSync(join(node, name), { recursive: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

test('what an agent has left that was ended while it cleaned up is no hindrance to whoever cleans up after it, and goes as well', async () => {
  await install('m1');
  // It had put everything aside, and began to remove it.
  for (const name of ['.gone-m1', '.gone-m1-1234']) {
    mkdirSync(`${node}${name}`);
    writeFileSync(`${node}${name}/wrapper`, '');
  }
  await uninstall('m1');
  expect(existsSync(node)).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});
