import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WrapperNode } from './wrapper-node.ts';

let node: WrapperNode;

beforeAll(async () => {
  node = await WrapperNode.make();
}, 60_000);
beforeEach(async () => {
  await node.reset();
  await node.bundleOf('container');
});
afterAll(async () => node.remove());

const refused = { code: 1, record: [] };
const passed = { code: 0, record: expect.arrayContaining(['create']) as unknown };
const folderOf = (pod = 'web-0'): string => join(node.nodeDir, 'await', `.demo_${pod}`);
/** The kubelet has the pod. */
const kubeletOf = (uid: string): string => join(node.nodeDir, 'kubelet', uid);

test('a pod whose agent is dead is refused as long as the kubelet has it, whatever the time, and no longer', async () => {
  await mkdir(kubeletOf('1234-abcd'));
  await node.awaitPod((_line, socket) => socket.write('fail\tthe agent says no\n'));
  expect(await node.call(node.createCall())).toMatchObject(refused);
  node.silence();
  await node.lease(-5);
  expect(await node.call(node.createCall())).toMatchObject(refused);
  await rm(kubeletOf('1234-abcd'), { recursive: true });
  expect(await node.call(node.createCall())).toMatchObject(passed);
  expect(await readdir(join(node.nodeDir, 'await'))).toEqual([]);
});

test('the sandbox already makes the pod known', async () => {
  await mkdir(kubeletOf('1234-abcd'));
  await node.awaitPod(() => undefined);
  await node.bundleOf('sandbox');
  expect(await node.call(node.createCall('5a5a'))).toMatchObject(passed);
  expect(await readdir(folderOf())).toContain('1234-abcd');
  node.silence();
  await node.lease(-5);
  await node.bundleOf('container');
  expect(await node.call(node.createCall())).toMatchObject(refused);
});

test('a pod that never came is awaited until the lease of its dead agent is over', async () => {
  await node.awaitPod(() => undefined);
  node.silence();
  await node.bundleOf('container', { pod: 'another' });
  expect(await node.call(node.createCall())).toMatchObject(passed);
  expect(existsSync(node.entry())).toBe(true);
  await node.lease(-5);
  expect(await node.call(node.createCall())).toMatchObject(passed);
  expect(existsSync(node.entry())).toBe(false);
});

test('a lease from before a reboot is over, and so are the pods that were seen then', async () => {
  await node.awaitPod(() => undefined);
  node.silence();
  await mkdir(kubeletOf('1234-abcd'));
  await node.lease(500_000);
  await writeFile(join(folderOf(), '1234-abcd'), '00000000-0000-4000-8000-000000000000');
  expect(await node.call(node.createCall())).toMatchObject(passed);
});

test('a container of a pod that has moved is an ordinary one when nobody answers any more', async () => {
  await mkdir(kubeletOf('1234-abcd'));
  const lines = await node.awaitPod((_line, socket) => socket.write('fail\tstill here\n'));
  await writeFile(join(folderOf(), '1234-abcd'), await readFile('/proc/sys/kernel/random/boot_id', 'utf8'));
  await writeFile(join(folderOf(), 'moved'), '');
  expect(await node.call(node.createCall())).toMatchObject(refused);
  expect(lines).toHaveLength(1);
  node.silence();
  expect(await node.call(node.createCall())).toMatchObject(passed);
});

test("where the kubelet's folder cannot be found nothing is given up", async () => {
  await node.awaitPod((_line, socket) => socket.destroy());
  expect(await node.call(node.createCall())).toMatchObject(refused);
  node.silence();
  await node.lease(-5);
  await rm(join(node.nodeDir, 'pods'));
  expect(await node.call(node.createCall())).toMatchObject(refused);
});

test.each(['container', 'sandbox'] as const)(
  'no %s of a fenced pod is made while the kubelet has the pod, and the kubelet hears why',
  async (type) => {
    await mkdir(kubeletOf('1234-abcd'));
    await writeFile(join(node.nodeDir, 'await/fence.1234-abcd'), 'pod demo/web-0 is being moved to milan\n');
    await node.bundleOf(type);
    expect(await node.call(node.createCall())).toMatchObject({
      ...refused,
      stderr: 'kubectl migrate: pod demo/web-0 is being moved to milan\n',
    });
    await node.bundleOf(type, { uid: '5678-abcd' });
    expect(await node.call(node.createCall())).toMatchObject(passed);
    await rm(kubeletOf('1234-abcd'), { recursive: true });
    await node.bundleOf(type);
    expect(await node.call(node.createCall())).toMatchObject(passed);
    expect(await readdir(join(node.nodeDir, 'await'))).toEqual([]);
  },
);

test('a fence from before a reboot keeps nobody out', async () => {
  await mkdir(kubeletOf('1234-abcd'));
  await writeFile(join(node.nodeDir, 'await/fence.1234-abcd'), 'moved\n00000000-0000-4000-8000-000000000000\n');
  expect(await node.call(node.createCall())).toMatchObject(passed);
});
