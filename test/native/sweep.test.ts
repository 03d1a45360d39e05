import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { globals, strictFlags, WrapperNode } from './wrapper-node.ts';

let node: WrapperNode;

beforeAll(async () => {
  node = await WrapperNode.make([...strictFlags, '-DGRACE_S=1', '-DWATCH_S=20']);
}, 60_000);
beforeEach(async () => {
  await node.reset();
  await node.bundleOf('sandbox');
});
afterAll(async () => node.remove());

const kubeletOf = (uid: string): string => join(node.nodeDir, 'kubelet', uid);
const staging = (): string => join(node.nodeDir, 'migrations/m1');
const ends = async (): Promise<unknown> => node.call([...globals, 'delete', '5a5a']);

/** A pod that is awaited by migration m1, and has come to the node; then the agent dies. */
async function leave(): Promise<void> {
  await mkdir(kubeletOf('1234-abcd'));
  await mkdir(join(staging(), 'trees/deep'), { recursive: true });
  await writeFile(join(staging(), 'trees/deep/file'), 'the memory of a pod');
  await node.hold('m1', -1);
  await node.awaitPod(() => undefined);
  const folder = join(node.nodeDir, 'await/.demo_web-0');
  await writeFile(join(folder, '.migration'), 'm1');
  await node.call(node.createCall('5a5a'));
  node.silence();
}

const later = { timeout: 10_000, interval: 50 };

describe('behind an agent that is dead', () => {
  test('the last call about its pod leaves somebody who clears all away when the kubelet has taken the pod away, and not before', async () => {
    await leave();
    expect(await ends()).toMatchObject({ code: 0, record: expect.arrayContaining(['delete']) as unknown });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(existsSync(node.entry())).toBe(true);
    expect(existsSync(staging())).toBe(true);
    await rm(kubeletOf('1234-abcd'), { recursive: true });
    await expect.poll(() => existsSync(node.nodeDir) || existsSync(node.runDir), later).toBe(false);
  });

  test('what another migration has on the node stays', async () => {
    await leave();
    await mkdir(join(node.nodeDir, 'migrations/other'));
    await ends();
    await rm(kubeletOf('1234-abcd'), { recursive: true });
    await expect.poll(() => existsSync(staging()), later).toBe(false);
    expect(existsSync(join(node.nodeDir, 'migrations/other'))).toBe(true);
  });

  test.each([
    ['that was told to run', async () => writeFile(join(node.runDir, 'held/m1/decision'), 'go')],
    ['that runs', async () => writeFile(join(node.nodeDir, 'await/.demo_web-0/moved'), '')],
  ])('what is known of a pod %s stays until a command has finished its move', async (_which, decide) => {
    await leave();
    await decide();
    await rm(kubeletOf('1234-abcd'), { recursive: true });
    await ends();
    await expect.poll(() => existsSync(node.entry()), later).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(existsSync(staging())).toBe(true);
    expect(existsSync(join(node.runDir, 'held/m1'))).toBe(true);
  });
});

test('an agent that lives is left to itself', async () => {
  await mkdir(staging(), { recursive: true });
  await node.awaitPod(() => undefined);
  await ends();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(existsSync(node.entry())).toBe(true);
  expect(existsSync(staging())).toBe(true);
});
