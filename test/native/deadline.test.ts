import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { must } from '../../build/run.ts';
import { heedFactorOfOthers, scaled, setDeadlineFactor } from '../../src/deadlines.ts';
import { strictFlags } from './strict.ts';

const folder = vi.hoisted(() => `/tmp/deadline-test-${process.pid}`);
/** What happens on the node when an install is half way. */
let halfWay = (): void => undefined;
const node = join(folder, 'node');

// This machine is the node, and our programs are on it already.
vi.mock('../../src/agent/node/host.ts', () => ({
  hostProc: '/proc',
  nodeDir: `${folder}/node`,
  onHost: (path: string) => (path.startsWith('/sys/') ? `${folder}${path}` : path),
}));
vi.mock('../../src/agent/node/program-version.ts', () => ({ requireOwnVersion: async () => Promise.resolve(halfWay()) }));
vi.mock('../../src/agent/criu/kerndat.ts', () => ({ forgetKerndat: () => undefined }));

const { install, toldFactor, uninstall } = await import('../../src/agent/node/install.ts');

/** What a program of ours on the node makes of 1000 ms. */
const thousand = async (): Promise<string> => must([join(folder, 'thousand')]);

beforeAll(async () => {
  mkdirSync(folder);
  const main = '#include "deadline.h"\n#include <stdio.h>\nint main(void) { printf("%d", scaled(1000)); }\n';
  writeFileSync(join(folder, 'main.c'), main);
  const native = join(import.meta.dirname, '../../native');
  const sources = [join(folder, 'main.c'), join(native, 'deadline.c')];
  await must(['gcc', ...strictFlags, `-I${native}`, `-DNODE_DIR="${node}"`, '-o', join(folder, 'thousand'), ...sources]);
}, 60_000);

beforeEach(() => {
  for (const name of ['tools', 'wrapper', 'hook', 'noop', 'guard', 'relay', 'made-of']) mkdirSync(join(node, name), { recursive: true });
});

afterEach(() => {
  setDeadlineFactor(1);
  heedFactorOfOthers(() => 1);
  halfWay = () => undefined;
  rmSync(node, { recursive: true, force: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

test('our programs on a node wait as long as the most patient of the migrations there wants, and none waits longer by itself', async () => {
  await install('m1');
  expect(await thousand()).toBe('1000');
  setDeadlineFactor(2.5);
  await install('m2');
  expect(await thousand()).toBe('2500');
  setDeadlineFactor(1);
  await install('m3');
  expect(await thousand()).toBe('2500');
  for (const migration of ['m1', 'm2', 'm3']) await uninstall(migration);
  expect(existsSync(node)).toBe(false);
  expect(await thousand()).toBe('1000');
});

test('an agent is no less patient than our programs on its node, and no less than its own user wants', async () => {
  heedFactorOfOthers(toldFactor);
  await install('m1');
  expect(scaled(1000)).toBe(1000);
  setDeadlineFactor(10);
  await install('m2');
  setDeadlineFactor(1);
  expect(await thousand()).toBe('10000');
  expect(scaled(1000)).toBe(10_000);
  setDeadlineFactor(20);
  expect(scaled(1000)).toBe(20_000);
  setDeadlineFactor(1);
  for (const migration of ['m1', 'm2']) await uninstall(migration);
  expect(scaled(1000)).toBe(1000);
});

test.each(['full', 'read-only'])('on a node whose disk is %s what is installed already serves whoever is patient', async (disk) => {
  await must(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', node]);
  try {
    for (const name of ['tools', 'wrapper', 'hook', 'noop', 'guard', 'relay', 'made-of', 'migrations/m1'])
      mkdirSync(join(node, name), { recursive: true });
    if (disk === 'full') expect(() => writeFileSync(join(node, 'fill'), Buffer.alloc(1e6))).toThrow('ENOSPC');
    else await must(['mount', '-o', 'remount,ro', node]);
    setDeadlineFactor(3);
    await install('m1');
    expect(() => writeFileSync(join(node, 'more'), 'more')).toThrow();
  } finally {
    await must(['umount', node]);
  }
});

test('a migration that takes the folder away for a moment keeps the factor from nobody', async () => {
  const away = `${node}.gone`;
  halfWay = () => {
    if (!existsSync(away)) return renameSync(node, away);
    rmSync(node, { recursive: true });
    renameSync(away, node);
    halfWay = () => undefined;
  };
  setDeadlineFactor(3);
  await install('m1');
  expect(await thousand()).toBe('3000');
});

test.each(['', '0.5', '100.5', '-3', 'nan', 'inf', '3x', 'x', '1e99', '9'.repeat(64)])('%j is no factor', async (text) => {
  writeFileSync(join(node, 'factor'), text);
  expect(await thousand()).toBe('1000');
});

test('the largest one is', async () => {
  writeFileSync(join(node, 'factor'), '100');
  expect(await thousand()).toBe('100000');
});
