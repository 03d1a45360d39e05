import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkpoint, remove, restore, startContainer } from './container.ts';
import { startMachine, type Machine } from './machine.ts';

const port = 8080;
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

test('a listener of MPTCP goes on as one of TCP', async () => {
  await startContainer(machine, 'listener', `${port}`);
  await expect.poll(answer, { timeout: 20_000 }).toBe('connection 1, listener 262, connection 6');
  await checkpoint(machine);
  expect(await restore(machine)).toBe(0);
  await expect.poll(answer, { timeout: 20_000 }).toBe('connection 2, listener 6, connection 6');
  // It can be moved on from there.
  await checkpoint(machine);
  expect(await restore(machine)).toBe(0);
  await expect.poll(answer, { timeout: 20_000 }).toBe('connection 3, listener 6, connection 6');
});
