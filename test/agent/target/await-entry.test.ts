import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { run, type RunResult } from '../../../build/run.ts';
import { WrapperNode } from '../../native/wrapper-node.ts';

const node = await WrapperNode.make(['-std=c11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror']);
const runtime = join(node.folder, 'bin/runc');
const awaited = join(node.nodeDir, 'await');
/** Namespaces of the test's own, whose first process stands for the node's. */
const first = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sleep', 'infinity'], { stdio: 'ignore' });
let firstPid = '';
/** What the covering of the runtime waits for. */
let ready: Promise<void> = Promise.resolve();
/** How often it was asked for. */
let covers = 0;
/** The path by which the node calls its runtime. */
let called = runtime;

async function onNode(command: readonly string[]): Promise<RunResult> {
  return await run(['nsenter', '--target', firstPid, '--mount', '--pid', ...command]);
}

// This machine is the node, and its runtime is a script of ours.
vi.doMock('../../../src/agent/node/host.ts', async (original) => ({
  ...(await original<object>()),
  hostProc: '/proc',
  nodeDir: node.nodeDir,
  runDir: node.runDir,
  // By way of that process, as the node's mounts are seen.
  onHost: (path: string) => `/proc/${firstPid}/root${path}`,
  runOnHost: async (command: readonly string[]) => {
    if (command.includes('cover')) covers++;
    if (command.includes('cover')) await ready;
    return await onNode(command);
  },
}));
vi.doMock('../../../src/agent/runc/runtime.ts', () => ({ findRuntime: async () => Promise.resolve(called) }));
vi.doMock('../../../src/agent/node/install.ts', async (original) => ({
  ...(await original<object>()),
  uninstall: async () => Promise.resolve(),
}));
vi.doMock('../../../src/agent/node/kubelet-pods.ts', () => ({ linkKubeletPods: () => undefined, isPodOnNode: () => false }));
vi.doMock('../../../src/agent/target/sandboxes.ts', () => ({ hasSandbox: () => false, unaskedSandbox: () => undefined }));

const { setDeadlineFactor } = await import('../../../src/deadlines.ts');
const { AwaitEntry } = await import('../../../src/agent/target/await-entry.ts');
const { TargetMigration } = await import('../../../src/agent/target/target.ts');

const pod = { namespace: 'demo', pod: 'web-0' };
const awaitedPod = { ...pod, containers: ['main'], initContainers: [], addresses: [], deadlineSeconds: 300 };
const make = async (migration: string): Promise<{ socket: string }> => AwaitEntry.make(migration, pod, () => ({}) as never);
const mounts = async (): Promise<number> =>
  (await onNode(['cat', '/proc/self/mountinfo'])).stdout.split('\n').filter((line) => line.includes(` ${runtime} `)).length;

beforeAll(async () => {
  const children = `/proc/${first.pid}/task/${first.pid}/children`;
  await vi.waitFor(() => expect((firstPid = readFileSync(children, 'utf8').trim())).not.toBe(''));
});

beforeEach(async () => {
  await node.reset();
  await copyFile(join(node.folder, 'runc'), join(node.nodeDir, 'wrapper'));
  await mkdir(join(node.runDir, 'held/m1'));
  await mkdir(join(node.folder, 'bin'), { recursive: true });
  await onNode(['umount', runtime]);
  called = runtime;
  covers = 0;
  await writeFile(runtime, '#!/bin/sh\necho the node has its own\n', { mode: 0o755 });
});

afterAll(async () => {
  const ended = once(first, 'exit');
  // It ignores anything milder while its child lives, which ends with it.
  first.kill('SIGKILL');
  await ended;
  await node.remove();
});

test('the place of an agent that answers is not taken by another one', async () => {
  const { socket } = await make('m1');
  const { ino } = await stat(socket);
  await expect(make('m2')).rejects.toThrow('another migration awaits a pod of that name on this node');
  expect((await stat(socket)).ino).toBe(ino);
  await new Promise<void>((resolve, reject) => void connect(socket, resolve).once('error', reject));
  expect(readdirSync(awaited).sort()).toEqual(['.demo_web-0', 'demo_web-0']);
  expect(await mounts()).toBe(1);
});

test('what is still being made when it is given up is not left on the node', async () => {
  const covering = Promise.withResolvers<void>();
  ready = covering.promise;
  const target = new TargetMigration('m1', () => undefined);
  const making = target.await(awaitedPod);
  await vi.waitFor(() => expect(readdirSync(awaited)).toContain('demo_web-0'));
  // The pod came to the node and is gone: it is not waited for.
  await writeFile(join(awaited, '.demo_web-0/1234-abcd'), '');
  const given = target.cleanup(true, 15_000);
  covering.resolve();
  expect(await given).toEqual({ refusing: false });
  await making;
  expect(readdirSync(awaited)).toEqual([]);
  expect(await mounts()).toBe(0);
});

test('a pod whose runtime was uncovered, and cannot be covered again, is given up at once, and covered when it can be', async () => {
  const told: string[] = [];
  const target = new TargetMigration('m1', (event) => void (event.type === 'log' && told.push(event.message)));
  await target.await(awaitedPod);
  await rm(join(node.nodeDir, 'wrapper'));
  await onNode(['umount', runtime]);
  await vi.waitFor(() => expect(target.state).toBe('failed'), { timeout: 30_000 });
  expect(await target.fact()).toBe('never');
  await vi.waitFor(() => expect(covers).toBeGreaterThan(4), { timeout: 30_000 });
  expect(told).toEqual([
    'given up: somebody has uncovered the runtime of this node',
    expect.stringContaining('cannot cover the runtime again'),
  ]);
  await copyFile(join(node.folder, 'runc'), join(node.nodeDir, 'wrapper'));
  await vi.waitFor(async () => expect(await mounts()).toBe(1), { timeout: 30_000 });
  await writeFile(join(awaited, '.demo_web-0/1234-abcd'), '');
  expect(await target.cleanup(true, 15_000)).toEqual({ refusing: false });
  expect(await mounts()).toBe(0);
});

test('a runtime that the node calls by a link is known to be covered, and to be no more', async () => {
  called = join(node.folder, 'bin/docker-runc');
  await rm(called, { force: true });
  await symlink(runtime, called);
  const target = new TargetMigration('m1', () => undefined);
  await target.await(awaitedPod);
  expect(await mounts()).toBe(1);
  expect([target.state, covers]).toEqual(['awaiting', 1]);
  await onNode(['umount', runtime]);
  await vi.waitFor(() => expect(target.state).toBe('failed'), { timeout: 30_000 });
  await vi.waitFor(async () => expect(await mounts()).toBe(1), { timeout: 30_000 });
  await writeFile(join(awaited, '.demo_web-0/1234-abcd'), '');
  expect(await target.cleanup(true, 15_000)).toEqual({ refusing: false });
});

test('an agent that nobody attends any more gives everything back at once, unless a command was let make the pod', async () => {
  const target = new TargetMigration('m1', () => undefined);
  await target.await(awaitedPod);
  await target.abandon('kubectl migrate went away');
  expect(readdirSync(awaited)).toEqual([]);
  expect(await mounts()).toBe(0);
  expect(existsSync(join(node.runDir, 'held/m1'))).toBe(false);
  // The command was suspended, and wakes up.
  expect(target.expect()).toBe(false);
});

test('an agent that nobody attends any more refuses a pod for as long as that may come', async () => {
  // A pod that was not seen need not be gone after any number of looks.
  setDeadlineFactor(0.1);
  onTestFinished(() => setDeadlineFactor(1));
  const target = new TargetMigration('m1', () => undefined);
  await target.await(awaitedPod);
  expect(target.expect()).toBe(true);
  const ended = vi.fn<() => void>();
  const abandoned = target.abandon('kubectl migrate went away').then(ended);
  await delay(2500);
  expect(ended).not.toHaveBeenCalled();
  expect(target.expect()).toBe(false);
  expect(readdirSync(awaited)).toContain('demo_web-0');
  expect(await mounts()).toBe(1);
  // It came, and is gone.
  await writeFile(join(awaited, '.demo_web-0/1234-abcd'), '');
  await abandoned;
  expect(await mounts()).toBe(0);
});

test('a slow peer has as much more time for the first container as the factor says', async () => {
  setDeadlineFactor(2);
  await expect(new TargetMigration('m1', () => undefined).armed(50).finally(() => setDeadlineFactor(1))).rejects.toThrow('within 0.1 s');
});
