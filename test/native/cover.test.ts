import { copyFile, mkdir, readFile, rm, symlink, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { run, type RunResult } from '../../build/run.ts';
import { WrapperNode } from './wrapper-node.ts';

let node: WrapperNode;
let nodeDir = '';
let wrapper = '';
let runtime = '';

beforeAll(async () => {
  node = await WrapperNode.make(['-std=c11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror']);
  ({ nodeDir } = node);
  wrapper = join(nodeDir, 'wrapper');
  runtime = join(node.folder, 'bin/runc');
}, 60_000);

beforeEach(async () => {
  await node.reset();
  await copyFile(join(node.folder, 'runc'), wrapper);
  await rm(join(node.folder, 'bin'), { recursive: true, force: true });
  await mkdir(join(node.folder, 'bin'));
  await makeRuntime('the node has its own');
});

afterAll(async () => node.remove());

async function makeRuntime(words: string, path = runtime): Promise<void> {
  await writeFile(path, `#!/bin/sh\necho ${words} "$@"\n`);
  await chmod(path, 0o755);
}

/** Runs a script in namespaces of its own, whose first process stands for the node's. */
async function onNode(script: string): Promise<RunResult> {
  return await run(['unshare', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-euc', script]);
}

const mounts = (path = runtime): string => `$(grep -c ' ${path} ' /proc/self/mountinfo)`;

test('migrations onto one node share one mount, which goes with the last of them', async () => {
  await node.awaitPod(() => undefined, { pod: 'a' });
  await node.awaitPod(() => undefined, { pod: 'b' });
  const result = await onNode(`
    ${wrapper} cover ${runtime}; ${wrapper} cover ${runtime}
    echo mounted ${mounts()}; ${runtime} list
    rm -r ${node.entry('a')}; ${wrapper} uncover ${runtime}
    echo shared ${mounts()}
    rm -r ${node.entry('b')}; ${wrapper} uncover ${runtime}
    cat ${runtime}`);
  const own = await readFile(runtime, 'utf8');
  expect(result).toMatchObject({ code: 0, stdout: `mounted 1\nthe node has its own list\nshared 1\n${own}` });
});

test('a runtime that is a symbolic link can be uncovered again', async () => {
  const link = join(node.folder, 'bin/docker-runc');
  await symlink('runc', link);
  await node.awaitPod(() => undefined);
  const result = await onNode(`
    ${wrapper} cover ${link}; echo covered ${mounts()}; ${link} list
    rm -r ${node.entry()}; ${wrapper} uncover ${link}; echo $?; grep -c ' ${runtime} ' /proc/self/mountinfo || true`);
  expect(result).toMatchObject({ code: 0, stdout: 'covered 1\nthe node has its own list\n0\n0\n' });
});

test('the runtime of today is what is called, not the copy of one that a package has replaced', async () => {
  await node.awaitPod(() => undefined);
  const script = `${wrapper} cover ${runtime}; ${runtime} list; umount ${runtime}`;
  expect(await onNode(script)).toMatchObject({ code: 0, stdout: 'the node has its own list\n' });
  await makeRuntime('a newer one');
  expect(await onNode(script)).toMatchObject({ code: 0, stdout: 'a newer one list\n' });
});

test('what answers otherwise through the wrapper, or does not run at all, is not covered', async () => {
  await node.awaitPod(() => undefined);
  await writeFile(runtime, '#!/nowhere/sh\n');
  const result = await onNode(`${wrapper} cover ${runtime} || echo failed; grep -c ' ${runtime} ' /proc/self/mountinfo || true`);
  expect(result).toMatchObject({ code: 0, stdout: 'failed\n0\n' });
  expect(result.stderr).toContain('does not run');
});

test('the runtime is given back when nobody can come any more, though nobody came to clean up', async () => {
  await node.awaitPod(() => undefined);
  node.silence();
  await node.lease(-5);
  const result = await onNode(`${wrapper} cover ${runtime}; ${wrapper} uncover ${runtime}; echo $?; cat ${runtime}`);
  expect(result).toMatchObject({ code: 0, stdout: `0\n${await readFile(runtime, 'utf8')}` });
});

test('a call of the runtime takes the mount away by itself when no pod is awaited any more', async () => {
  const result = await onNode(`${wrapper} cover ${runtime}; ${runtime} create --bundle /nowhere id; cat ${runtime}`);
  expect(result).toMatchObject({ code: 0, stdout: `the node has its own create --bundle /nowhere id\n${await readFile(runtime, 'utf8')}` });
});

test('a node whose folder of ours was removed from under the mount has its runtime back with the next call', async () => {
  const result = await onNode(
    `${wrapper} cover ${runtime}; rm -r ${nodeDir}; ${runtime} list; grep -c ' ${runtime} ' /proc/self/mountinfo || true`,
  );
  expect(result).toMatchObject({ code: 0, stdout: 'the node has its own list\n0\n' });
});

test('when only the copy of the runtime is gone it is made again, and an awaited pod stays refused', async () => {
  await node.awaitPod((_line, socket) => socket.write('fail\tnot yet\n'));
  await node.bundleOf('container');
  const create = node.createCall().join(' ');
  const result = await onNode(`
    ${wrapper} cover ${runtime}; rm -r ${nodeDir}/real; ${runtime} list; echo covered ${mounts()}
    cd ${node.folder}/bundle; ${runtime} ${create} || echo refused`);
  expect(result).toMatchObject({ code: 0, stdout: 'the node has its own list\ncovered 1\nrefused\n' });
});

test('two runtimes of one name are each called as themselves', async () => {
  const other = join(node.folder, 'bin/local/runc');
  await mkdir(join(node.folder, 'bin/local'));
  await makeRuntime('another', other);
  await node.awaitPod(() => undefined);
  const result = await onNode(`${wrapper} cover ${runtime}; ${wrapper} cover ${other}; ${runtime} list; ${other} list`);
  expect(result).toMatchObject({ code: 0, stdout: 'the node has its own list\nanother list\n' });
});

test('a mount of an earlier installation is replaced', async () => {
  await node.awaitPod(() => undefined);
  const result = await onNode(`
    ${wrapper} cover ${runtime}; cp ${wrapper} ${wrapper}.new; mv ${wrapper}.new ${wrapper}
    ${wrapper} cover ${runtime}; echo covered ${mounts()}; ${runtime} list`);
  expect(result).toMatchObject({ code: 0, stdout: 'covered 1\nthe node has its own list\n' });
});

test('a failed mount says on what', async () => {
  const result = await onNode(`${wrapper} cover ${node.folder}/not-there`);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('not-there');
});
