import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WrapperNode } from './wrapper-node.ts';

let node: WrapperNode;

beforeAll(async () => {
  node = await WrapperNode.make();
}, 60_000);
beforeEach(async () => node.reset());
afterAll(async () => node.remove());

test('every other call goes to the real runtime, with its words and its exit code', async () => {
  const words = ['--root', '/x y', 'exec', '--process=/p', '-d', '', 'id', '--', '-t'];
  const { code, record } = await node.call(words, { REAL_EXIT: '7' });
  expect(code).toBe(7);
  expect(record).toEqual(words);
});

test('create and start go through when nobody is awaited', async () => {
  await node.bundleOf('container');
  for (const words of [node.createCall(), ['start', 'c0ffee']]) expect((await node.call(words)).record).toEqual(words);
});

test('sandboxes, and containers of other pods, go through while a pod is awaited', async () => {
  await node.awaitPod((_line, socket) => socket.write('fail\tnot asked\n'));
  await node.bundleOf('sandbox');
  expect((await node.call(node.createCall())).record).toEqual(node.createCall());
  await node.bundleOf('container', { pod: 'another' });
  expect((await node.call(node.createCall())).record).toEqual(node.createCall());
});

test('the agent hears of a create of an awaited container with all its words', async () => {
  await node.bundleOf('container');
  const lines = await node.awaitPod((_line, socket) => socket.write('pass\n'));
  await node.call(node.createCall());
  expect(lines.map((line) => line.split('\t'))).toEqual([['create', 'c0ffee', '1234-abcd', 'main', '6', 'runc', ...node.createCall()]]);
});

test('create of an awaited container becomes the restore that the agent tells, in its words and with its variables', async () => {
  await node.bundleOf('container');
  const held = await node.hold('m1');
  await node.setRuntime(`#!/bin/sh\n{ printf '%s\\n' "$@"; env | grep '^FROM_AGENT='; } > ${node.folder}/restore\n`);
  await node.awaitPod((line, socket) => {
    if (!line.startsWith('create')) return;
    socket.write(
      `restore\t2\tFROM_AGENT=yes it is\tKUBECTL_MIGRATE_HELD=${held}\trunc\t--systemd-cgroup\trestore\t--image-path\t/images of it\tc0ffee\n`,
    );
    socket.write('created\n');
  });
  expect((await node.call(node.createCall())).code).toBe(0);
  await expect
    .poll(async () => readFile(join(node.folder, 'restore'), 'utf8').catch(() => ''))
    .toBe('--systemd-cgroup\nrestore\n--image-path\n/images of it\nc0ffee\nFROM_AGENT=yes it is\n');
});

test('start of a container that was restored does nothing, once', async () => {
  await mkdir(join(node.nodeDir, 'restored'));
  for (const id of ['c0ffee', 'decaf']) await writeFile(join(node.nodeDir, 'restored', id), '');
  expect(await node.call(['start', 'c0ffee'])).toMatchObject({ code: 0, record: [] });
  expect((await node.call(['start', 'c0ffee'])).record).toEqual(['start', 'c0ffee']);
  // Nor does what is deleted leave a trace.
  expect((await node.call(['delete', 'decaf'])).record).toEqual(['delete', 'decaf']);
  expect((await node.call(['start', 'decaf'])).record).toEqual(['start', 'decaf']);
});

test('a restore that ends without a container that stands still fails the create, in the words of the agent', async () => {
  await node.bundleOf('container');
  const held = await node.hold('m1');
  const lines = await node.awaitPod((line, socket) => {
    if (line.startsWith('create')) socket.write(`restore\t1\tKUBECTL_MIGRATE_HELD=${held}\trunc\trestore\tc0ffee\n`);
    else if (line.startsWith('exited')) socket.write('fail\tno such page\n');
  });
  const { code, stderr } = await node.call(node.createCall(), { REAL_EXIT: '3' });
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'kubectl migrate: no such page\n' });
  await expect.poll(() => lines.slice(1)).toEqual(['exited\tc0ffee\t3', 'done\tc0ffee\tkill\t']);
});

test('a restore that ends well, but holds nothing, is a failure, too', async () => {
  await node.bundleOf('container');
  const held = await node.hold('m1');
  const lines = await node.awaitPod((line, socket) => {
    if (line.startsWith('create')) socket.write(`restore\t1\tKUBECTL_MIGRATE_HELD=${held}\trunc\trestore\tc0ffee\n`);
    else if (line.startsWith('exited')) socket.write('fail\tit is not held\n');
  });
  expect((await node.call(node.createCall())).code).toBe(1);
  await expect.poll(() => lines[1]).toBe('exited\tc0ffee\t1');
  expect(await readFile(join(held, 'decision'), 'utf8')).toBe('kill');
});

test('the agent can have a container made as it is, or refused, and the kubelet hears why', async () => {
  await node.bundleOf('container');
  await node.awaitPod((_line, socket) => socket.write('fail\tno "way" \\ at all\n'));
  const { code, record, stderr } = await node.call(node.createCall());
  expect({ code, record }).toEqual({ code: 1, record: [] });
  expect(stderr).toBe("kubectl migrate: no 'way'   at all\n");
  const logged = (await readFile(join(node.folder, 'log.json'), 'utf8')).trim().split('\n').at(-1) ?? '';
  expect(JSON.parse(logged)).toEqual({ level: 'error', msg: "kubectl migrate: no 'way'   at all" });
});

test('an awaited container is never started by accident: no agent, no answer, no readable configuration', async () => {
  await node.bundleOf('container');
  await mkdir(join(node.nodeDir, 'kubelet/1234-abcd'));
  await node.awaitPod((_line, socket) => socket.destroy());
  expect(await node.call(node.createCall())).toMatchObject({ code: 1, record: [] });
  node.silence();
  expect(await node.call(node.createCall())).toMatchObject({ code: 1, record: [] });
  await writeFile(join(node.folder, 'bundle/config.json'), '{"annotations": {');
  expect(await node.call(node.createCall())).toMatchObject({ code: 1, record: [] });
});

test('an agent that dies while the container is restored fails the create', async () => {
  await node.bundleOf('container');
  const held = await node.hold('m1');
  await node.awaitPod((line, socket) => {
    if (!line.startsWith('create')) return;
    socket.write(`restore\t1\tKUBECTL_MIGRATE_HELD=${held}\trunc\trestore\tc0ffee\n`);
    setTimeout(() => socket.destroy(), 100);
  });
  await node.setRuntime('#!/bin/sh\nexec >/dev/null 2>&1\nsleep 1\n');
  expect(await node.call(node.createCall())).toMatchObject({ code: 1 });
});

test.each([['--new-option', 'value'], ['--new-option', 'state'], ['-n', 'value'], ['value-of-nothing']])(
  'a create behind words that nobody knows (%s %s) is still seen',
  async (...unknown: string[]) => {
    await node.bundleOf('container');
    await node.awaitPod((_line, socket) => socket.write('fail\tseen\n'));
    const words = node.createCall('c0ffee', ['--root', '/run/containerd/runc/k8s.io', ...unknown.filter((word) => word !== undefined)]);
    expect(await node.call(words)).toMatchObject({ code: 1, record: [], stderr: 'kubectl migrate: seen\n' });
  },
);

test.each([
  ['exec', 'c0ffee', 'create'],
  ['--debug', 'exec', 'c0ffee', 'create'],
  ['--log', 'create', 'state', 'c0ffee'],
])('the word create is no verb in %s %s %s', async (...words: string[]) => {
  await node.awaitPod((_line, socket) => socket.write('fail\tseen\n'));
  expect((await node.call(words.filter(Boolean))).record).toEqual(words.filter(Boolean));
});

test("a pod's user cannot give himself the name of an awaited pod: each client's annotations are its own", async () => {
  const containerd = node.createCall();
  const crio = node.createCall('c0ffee', ['--root=/run/runc', '--systemd-cgroup']);
  await node.awaitPod((_line, socket) => socket.write('fail\tseen\n'));
  await node.bundleOf('container', { style: 'cri-o' });
  expect((await node.call(crio)).code).toBe(1);
  expect((await node.call(containerd)).record).toEqual(containerd);
  await node.bundleOf('container');
  expect((await node.call(containerd)).code).toBe(1);
  expect((await node.call(crio)).record).toEqual(crio);
});
