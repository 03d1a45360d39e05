import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { must } from '../../build/run.ts';
import { hanging, undumpable } from '../../src/agent/source/undumpable.ts';

let folder = '';
let half = '';
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'undumpable-'));
  half = join(folder, 'half');
  await must(['gcc', '-Wall', '-Wextra', '-Werror', '-Wno-deprecated-declarations', '-pthread', '-o', half, 'test/workloads/half.c']);
});

afterEach(() => {
  // With whatever they have started: a writer that outlives its shell would write into a folder that is being removed.
  for (const { pid } of children.splice(0)) killGroup(pid ?? 0);
});

// It may still come to the end of its last write.
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 50 }));

function start(...command: readonly string[]): number {
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: 'ignore', detached: true });
  children.push(child);
  return child.pid ?? 0;
}

function killGroup(pid: number): void {
  try {
    if (pid > 1) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // all of it has ended
  }
}

function codes(pid: number): string[] {
  return undumpable('main', pid, '/proc').map(({ code }) => code);
}

async function until(pid: number, ...expected: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(codes(pid)).toEqual(expected), { timeout: 10_000, interval: 20 });
}

function stateOf(pid: number): string {
  return /^State:\t(.)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

test('a process that sleeps, and one that has ended, can be dumped', () => {
  expect(codes(start('sleep', '1000'))).toEqual([]);
  expect(codes(2 ** 30)).toEqual([]);
});

test('a stopped process is named, until it is continued', async () => {
  const pid = start('sleep', '1000');
  process.kill(pid, 'SIGSTOP');
  await until(pid, 'KM-STOPPED');
  expect(undumpable('main', pid, '/proc')[0]?.text).toContain(`container main: process ${pid} (sleep) is stopped`);
  process.kill(pid, 'SIGCONT');
  await until(pid);
});

test('a stopped process is named in a frozen cgroup, too, where its state reads as any other', async () => {
  const v1 = '/sys/fs/cgroup/freezer';
  const isV1 = existsSync(v1);
  const cgroup = join(isV1 ? v1 : '/sys/fs/cgroup', `undumpable-${process.pid}`);
  const freeze = (is: boolean): void =>
    isV1
      ? writeFileSync(join(cgroup, 'freezer.state'), is ? 'FROZEN' : 'THAWED')
      : writeFileSync(join(cgroup, 'cgroup.freeze'), is ? '1' : '0');
  const isFrozen = (): boolean =>
    isV1
      ? readFileSync(join(cgroup, 'freezer.state'), 'utf8') === 'FROZEN\n'
      : readFileSync(join(cgroup, 'cgroup.events'), 'utf8').includes('frozen 1');
  const stopped = start('sleep', '1000');
  const asleep = start('sleep', '1000');
  process.kill(stopped, 'SIGSTOP');
  await until(stopped, 'KM-STOPPED');
  mkdirSync(cgroup);
  try {
    for (const pid of [stopped, asleep]) writeFileSync(join(cgroup, 'cgroup.procs'), String(pid));
    freeze(true);
    await vi.waitFor(() => expect(isFrozen()).toBe(true), { timeout: 10_000, interval: 20 });
    if (isV1) expect([stateOf(stopped), stateOf(asleep)]).toEqual(['D', 'D']);
    expect(codes(stopped)).toEqual(['KM-STOPPED']);
    expect(codes(asleep)).toEqual([]);
  } finally {
    freeze(false);
    for (const pid of [stopped, asleep]) process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => rmdirSync(cgroup), { timeout: 10_000, interval: 20 });
  }
});

test('a process whose main thread has ended is named while its other threads go on', async () => {
  const pid = start(half, 'main');
  await until(pid, 'KM-DEAD-MAIN-THREAD');
  expect(stateOf(pid)).toBe('Z');
});

test('a zombie that nobody has waited for can be dumped', async () => {
  const pid = start('sh', '-c', 'true & exec sleep 1000');
  const zombie = await vi.waitFor(() => {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
    expect(stateOf(child)).toBe('Z');
    return child;
  });
  expect(codes(zombie)).toEqual([]);
});

test('a process in the hands of a debugger is named', async () => {
  const pid = start('sleep', '1000');
  start(half, 'trace', String(pid));
  await vi.waitFor(() => expect(stateOf(pid)).toBe('t'), { timeout: 10_000, interval: 20 });
  expect(codes(pid)).toEqual(['KM-TRACED']);
});

test('a thread that hangs in the kernel is named with its place, one that sleeps is not', async () => {
  const hung = start(half, 'vfork');
  const asleep = start('sleep', '1000');
  await vi.waitFor(() => expect(stateOf(hung)).toBe('D'));
  const found = await hanging('main', [hung, asleep], '/proc');
  expect(found.map(({ code }) => code)).toEqual(['KM-UNINTERRUPTIBLE']);
  expect(found[0]?.text).toMatch(new RegExp(`process ${hung} \\(half\\) has been in an uninterruptible wait for 3 s \\(\\w+\\)`));
  expect(await hanging('main', [asleep], '/proc')).toEqual([]);
});

test('a thread that waits for a disk again and again does not hang', async () => {
  // Each fsync is an uninterruptible wait, and each is another one.
  const pid = start('sh', '-c', `while :; do dd if=/dev/zero of=${join(folder, 'x')} bs=4k count=8 oflag=sync status=none; done`);
  expect(await hanging('main', [pid], '/proc')).toEqual([]);
});
