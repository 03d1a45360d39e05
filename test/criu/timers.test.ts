import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rearmTimers } from '../../src/agent/criu/timers.ts';
import { checkpoint, images, pause, remove, restore, rootfs, startContainer } from './container.ts';
import { startMachine, type Machine } from './machine.ts';

let machine: Machine;

beforeAll(async () => {
  machine = await startMachine();
}, 600_000);

afterAll(async () => {
  await remove(machine);
  await machine.close();
});

function ticks(): number {
  try {
    return Number(readFileSync(machine.path(`${rootfs}/ticks`), 'utf8'));
  } catch {
    return 0;
  }
}

/** How often the timer has expired since it was read. */
function unread(): number {
  const pid = machine.processes().find(({ name }) => name === 'timer')?.pid;
  const folder = machine.path(`/proc/${pid}/fdinfo`);
  const infos = readdirSync(folder).map((fd) => readFileSync(join(folder, fd), 'utf8'));
  return Number(/^ticks: (\d+)$/m.exec(infos.find((info) => info.includes('clockid')) ?? '')?.[1]);
}

test('a timer that expires while the container stands still goes on ticking', async () => {
  await startContainer(machine, 'timer', '/ticks');
  await expect.poll(ticks, { timeout: 20_000 }).toBeGreaterThan(2);
  await pause(machine);
  await expect.poll(unread, { timeout: 20_000 }).toBeGreaterThan(0);
  await checkpoint(machine);
  const dumped = ticks();
  const file = machine.path(`${images}/files.img`);
  writeFileSync(file, rearmTimers(readFileSync(file)));
  expect(await restore(machine)).toBe(0);
  // The first one was owed.
  await expect.poll(ticks, { timeout: 20_000 }).toBeGreaterThan(dumped + 5);
});
