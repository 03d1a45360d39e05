import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { must } from '../../../build/run.ts';
import { signalsFile, signalsOf, stopWanted, type TaskSignals } from '../../../src/agent/proc/signals.ts';

/** Every hundredth of a second a timer sends it SIGUSR1, another one SIGALRM; both have handlers, as has SIGQUIT. */
const program = `
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static void on(int number) { (void)number; }
int main(void) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  struct itimerspec often = {{0, 10000000}, {0, 10000000}};
  struct itimerval alarms = {{0, 10000}, {0, 10000}};
  timer_t timer;
  signal(SIGUSR1, on), signal(SIGALRM, on), signal(SIGQUIT, on);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &often, NULL) || setitimer(ITIMER_REAL, &alarms, NULL))
    return 1;
  puts("ready");
  fflush(stdout);
  for (;;)
    pause();
}`;

let folder = '';
let cgroup = '';
let child: ChildProcess;
let pid = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signals-'));
  await writeFile(join(folder, 'timers.c'), program);
  await must(['gcc', '-std=c11', '-D_GNU_SOURCE', '-o', join(folder, 'timers'), join(folder, 'timers.c')]);
});

beforeEach(async () => {
  cgroup = await mkdtemp('/sys/fs/cgroup/freezer/kubectl-migrate-test-');
  const started = spawn(join(folder, 'timers'), { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(started.stdout, 'data');
  child = started;
  pid = child.pid ?? 0;
  await writeFile(join(cgroup, 'cgroup.procs'), String(pid));
  await writeFile(join(cgroup, 'freezer.state'), 'FROZEN');
});

afterEach(async () => {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await writeFile(join(cgroup, 'freezer.state'), 'THAWED');
  await ended;
  await vi.waitFor(async () => rmdir(cgroup));
});

afterAll(async () => rm(folder, { recursive: true }));

const now = (): TaskSignals[] => signalsOf([pid], '/proc');

async function untilPending(signal: number, before: readonly TaskSignals[]): Promise<void> {
  await vi.waitFor(() => expect(((now()[0]?.pending ?? 0n) >> BigInt(signal - 1)) & 1n).toBe(1n));
  expect(before).toHaveLength(1);
}

test('what its own timers send while it stands still is nobody’s wish to stop it', async () => {
  const none = [{ pid, task: pid, blocked: 0n, pending: 0n }];
  await untilPending(10, none); // SIGUSR1
  await untilPending(14, none); // SIGALRM
  expect(stopWanted(none, now(), pid, '/proc')).toBeUndefined();
});

test.each(['SIGTERM', 'SIGSTOP'] as const)('%s is, for any process', async (signal) => {
  const before = now();
  process.kill(pid, signal);
  expect(stopWanted(before, now(), 1, '/proc')).toBe(signal);
  expect(stopWanted(now(), now(), 1, '/proc')).toBeUndefined(); // it was pending before
});

test('what an image may name as its stop signal is, for the first process of a container', async () => {
  const before = now();
  process.kill(pid, 'SIGQUIT');
  expect(stopWanted(before, now(), pid, '/proc')).toBe('SIGQUIT');
  expect(stopWanted(before, now(), 1, '/proc')).toBeUndefined();
});

test('the guard reads what was blocked', () => {
  expect(signalsFile([{ pid: 7, task: 8, blocked: 0x4201n, pending: 0x10n }])).toBe('7 8 4201 10\n');
});
