import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkpoint, remove, restore, rootfs, startReadOnly } from './container.ts';
import { startMachine, type Machine } from './machine.ts';

const port = 8081;
let machine: Machine;

beforeAll(async () => {
  machine = await startMachine();
}, 600_000);

afterAll(async () => {
  await remove(machine);
  await machine.close();
});

async function answer(): Promise<string> {
  const { stdout } = await machine.run(['bash', '-c', `exec 2> /dev/null 3<> /dev/tcp/127.0.0.1/${port} && cat <&3`]);
  return stdout.trim();
}

test('a container goes on whose root is read-only and has no folder tmp', async () => {
  await startReadOnly(machine, 'listener', `${port}`);
  await expect.poll(answer, { timeout: 20_000 }).toMatch(/^connection 1,/);
  const before = await readdir(machine.path(rootfs));
  expect(before).not.toContain('tmp');
  // Twice, as a moved pod is moved on.
  for (const hop of [1, 2]) {
    await checkpoint(machine);
    expect(await restore(machine)).toBe(0);
    await expect.poll(answer, { timeout: 20_000 }).toMatch(new RegExp(`^connection ${hop + 1},`));
  }
  expect(await readdir(machine.path(rootfs))).toEqual(before);
});
