import { copyFile, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { must, run, type RunResult } from '../../build/run.ts';
import { wrapperSources } from '../../native/build.ts';

const native = join(import.meta.dirname, '../../native');
let folder = '';
let nodeDir = '';
let wrapper = '';
let runtime = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cover-'));
  nodeDir = join(folder, 'node');
  wrapper = join(folder, 'wrapper');
  runtime = join(folder, 'runc');
  const sources = wrapperSources.map((name) => join(native, name));
  await must([
    'gcc',
    '-std=c11',
    '-D_GNU_SOURCE',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    `-DNODE_DIR="${nodeDir}"`,
    '-o',
    wrapper,
    ...sources,
  ]);
}, 60_000);

beforeEach(async () => {
  await mkdir(join(nodeDir, 'await'), { recursive: true });
  await copyFile(wrapper, join(nodeDir, 'wrapper'));
  await writeFile(runtime, 'the node has its own\n');
});

afterEach(async () => rm(nodeDir, { recursive: true, force: true }));
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** Runs a script in namespaces of its own, whose first process stands for the node's. */
async function onNode(script: string): Promise<RunResult> {
  return await run(['unshare', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-euc', script]);
}

async function awaitPod(pod: string, secondsLeft = 60): Promise<void> {
  await writeFile(join(nodeDir, 'await', pod), '');
  await utimes(join(nodeDir, 'await', pod), new Date(), new Date(Date.now() + secondsLeft * 1000));
}

test('migrations onto one node share one mount, which goes with the last of them', async () => {
  await awaitPod('demo_a');
  await awaitPod('demo_b');
  const result = await onNode(`
    ${wrapper} cover ${runtime}; ${wrapper} cover ${runtime}
    echo mounted $(grep -c ' ${runtime} ' /proc/self/mountinfo)
    rm -r ${nodeDir}/await/demo_a; ${wrapper} uncover ${runtime}
    echo shared $(grep -c ' ${runtime} ' /proc/self/mountinfo)
    rm -r ${nodeDir}/await/demo_b; ${wrapper} uncover ${runtime}
    cat ${runtime}`);
  expect(result).toMatchObject({ code: 0, stdout: 'mounted 1\nshared 1\nthe node has its own\n' });
});

test('the runtime is given back when all deadlines have passed, though nobody came to clean up', async () => {
  await awaitPod('demo_a', -5);
  const result = await onNode(`${wrapper} cover ${runtime}; ${wrapper} uncover ${runtime}; cat ${runtime}`);
  expect(result).toMatchObject({ code: 0, stdout: 'the node has its own\n' });
});

test('a call of the runtime takes the mount away by itself when no pod is awaited any more', async () => {
  await mkdir(join(nodeDir, 'real'), { recursive: true });
  await copyFile('/bin/true', join(nodeDir, 'real/runc'));
  const result = await onNode(`${wrapper} cover ${runtime}; ${runtime} create --bundle /nowhere id; echo $?; cat ${runtime}`);
  expect(result).toMatchObject({ code: 0, stdout: '0\nthe node has its own\n' });
});

test('a node whose folder of ours was removed from under the mount has its runtime back with the next call', async () => {
  await copyFile('/bin/echo', runtime);
  const result = await onNode(
    `${wrapper} cover ${runtime}; rm -r ${nodeDir}; ${runtime} list; grep -c ' ${runtime} ' /proc/self/mountinfo || true`,
  );
  expect(result).toMatchObject({ code: 0, stdout: 'list\n0\n' });
});

test('a failed mount says on what', async () => {
  const result = await onNode(`${wrapper} cover ${folder}/not-there`);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('not-there');
  expect(await readFile(runtime, 'utf8')).toBe('the node has its own\n');
});
