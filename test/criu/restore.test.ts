import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { checkpoint, remove, restore, restoreLog, rootfs, startContainer } from './container.ts';
import { startMachine, work, type Machine, type Process } from './machine.ts';

const processes = 3;
const threads = 3;
const scripts = ['pre-restore', 'setup-namespaces', 'post-setup-namespaces', 'post-restore', 'pre-resume'];
/** Made by the script: when it does what a test wants, and when it lets the restore go on at its last moment. */
const reached = `${work}/reached`;
const saidYes = `${work}/said-yes`;

let machine: Machine;
let steps: string;
let asDumped: Buffer;

beforeAll(async () => {
  machine = await startMachine();
  steps = machine.path(`${rootfs}/steps`);
  await startContainer(machine, 'stepper', '/steps', `${processes}`, `${threads}`);
  await vi.waitFor(() => expect(counters().every((count) => count > 0)).toBe(true), { timeout: 20_000 });
  await checkpoint(machine);
  asDumped = readFileSync(steps);
}, 600_000);

beforeEach(reset);

function reset(): void {
  for (const file of [reached, saidYes, restoreLog]) rmSync(machine.path(file), { force: true });
  writeFileSync(steps, asDumped);
}

afterEach(async () => {
  await remove(machine);
  await vi.waitFor(() => expect(machine.processes()).toEqual([]), { timeout: 20_000 });
});

afterAll(async () => machine?.close());

/** The first of each thread's two words; the second counts what was wrong. */
function counters(word: 0 | 1 = 0): number[] {
  const bytes = readFileSync(steps);
  return Array.from({ length: bytes.length / 16 }, (_, slot) => Number(bytes.readBigUInt64LE(slot * 16 + word * 8)));
}

/** Restores with a script that does so at that action, and otherwise says yes. @returns runc's exit code */
async function restoreBut(action: string, body: string): Promise<number> {
  return await restore(
    machine,
    `if [ "$CRTOOLS_SCRIPT_ACTION" = ${action} ]; then : > ${reached}; ${body}; fi
if [ "$CRTOOLS_SCRIPT_ACTION" = pre-resume ]; then : > ${saidYes}; fi`,
  );
}

test('a restore that nobody refuses goes on where the program was', async () => {
  expect(await restoreBut('pre-resume', ':')).toBe(0);
  await expectAllRun();
  counters().forEach((count, slot) => expect(count).toBeGreaterThan(Number(asDumped.readBigUInt64LE(slot * 16))));
});

describe('a script that refuses ends the restore, and nothing runs', () => {
  test.each(scripts)('%s', async (action) => {
    expect(await restoreBut(action, 'exit 1')).toBe(1);
    expect(existsSync(machine.path(reached))).toBe(true);
    await expectNothingRan();
  });

  test('pre-resume, ended by a signal', async () => {
    expect(await restoreBut('pre-resume', 'kill -KILL $$')).toBe(1);
    await expectNothingRan();
    expect(readFileSync(machine.path(restoreLog), 'utf8')).toContain('Error (criu/cr-restore.c');
  });
});

describe('what is being restored dies with CRIU', () => {
  test.each(scripts)('killed at %s', async (action) => {
    expect(await restoreBut(action, 'kill -KILL $PPID; exit 0')).toBe(1);
    expect(existsSync(machine.path(reached))).toBe(true);
    await expectNothingRan();
  });

  test('but not afterwards', async () => {
    const restored = restoreBut('post-resume', 'kill -KILL $PPID');
    await expect.poll(() => existsSync(machine.path(saidYes)) && criu().length === 0, { timeout: 20_000 }).toBe(true);
    await expectAllRun();
    // runc itself would try for ten seconds to remove the container's cgroup.
    await remove(machine);
    await restored;
  });

  test('killed at any moment, all of it runs or nothing has', async () => {
    // The latest moment that is known to be too late: all kills are to hit the restore.
    let late = 200;
    let unrun = 0;
    for (let n = 0; n < 16; n++) {
      reset();
      const restored = restoreBut('pre-resume', ':');
      const moment = (late * ((n * 5) % 16)) / 16;
      await killCriu(moment);
      await expect.poll(criu, { timeout: 20_000 }).toEqual([]);
      const runs = await vi.waitFor(allOrNothing, { timeout: 20_000 });
      if (runs) {
        expect(existsSync(machine.path(saidYes))).toBe(true);
        await expectAllRun();
        late = moment;
      } else {
        await expectNothingRan();
        unrun++;
      }
      await remove(machine);
      await restored;
    }
    expect(unrun).toBeGreaterThan(0);
  });
});

/** The CRIU that restores, none that only tells runc its version; nor what it restores, which is called so at first, too. */
function criu(): Process[] {
  const all = machine.processes();
  const runc = all.find(({ name, command }) => name === 'runc' && command.includes('restore'));
  return all.filter(({ command, parent, isContained }) => command[0] === 'criu' && !isContained && parent === runc?.pid);
}

/** Kills CRIU so long after it has begun to restore. */
async function killCriu(afterMs: number): Promise<void> {
  await expect.poll(() => existsSync(machine.path(restoreLog)), { interval: 1, timeout: 20_000 }).toBe(true);
  await sleep(afterMs);
  for (const { pid } of criu()) await machine.run(['kill', '-KILL', `${pid}`]);
}

/** @returns whether every thread goes on. @throws Error while only some do, or none but they live */
function allOrNothing(): boolean {
  if (!machine.processes().some(({ isContained }) => isContained)) return false;
  counters().forEach((count, slot) => expect(count).toBeGreaterThan(Number(asDumped.readBigUInt64LE(slot * 16))));
  return true;
}

/** What ran has left its mark by the time at which nothing is there that could run. */
async function expectNothingRan(): Promise<void> {
  await expect.poll(() => machine.processes().filter(({ name }) => name !== 'runc'), { timeout: 20_000 }).toEqual([]);
  expect(readFileSync(steps).equals(asDumped)).toBe(true);
}

async function expectAllRun(): Promise<void> {
  const before = counters();
  await expect.poll(() => counters().every((count, slot) => count > (before[slot] ?? 0)), { timeout: 20_000 }).toBe(true);
  expect(counters(1).every((wrong) => wrong === 0)).toBe(true);
  expect(machine.processes().filter(({ name }) => name === 'stepper')).toHaveLength(processes);
}
