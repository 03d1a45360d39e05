import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must, run } from '../../build/run.ts';
import { compileSpin, FreezerPod, freezerVersions, writeHeld } from './freezer-pod.ts';
import { WrapperNode } from './wrapper-node.ts';

let node: WrapperNode;
let spin = '';

beforeAll(async () => {
  node = await WrapperNode.make();
  spin = join(node.folder, 'spin');
  await compileSpin(spin);
}, 60_000);

beforeEach(async () => node.reset());
afterAll(async () => node.remove());

describe.each(freezerVersions)('two containers held by freezer version %i', (version) => {
  const ids = ['c0ffee', 'decaf'];
  let pod: FreezerPod;
  let held = '';
  let before: number[][] = [];

  beforeEach(async () => {
    pod = await FreezerPod.make(version, node.folder, spin);
    held = await node.hold('m1');
    for (const id of ids) {
      await pod.run(id);
      await pod.freeze(pod.folderOf(id));
    }
    await writeHeld(held, pod, ids, join(node.runDir, 'held/by-id'));
    before = ids.map((id) => pod.counts(id));
  });

  afterEach(async () => pod.remove(ids));

  const expectAllDead = async (): Promise<void> => {
    for (const id of ids) await expect.poll(() => pod.members(id)).toEqual([]);
    expect(ids.map((id) => pod.counts(id))).toEqual(before);
  };

  test.each([
    ['kill', 'c0ffee', 'KILL'],
    ['kill', '--all', 'c0ffee', '9'],
    ['kill', 'c0ffee'],
    ['kill', 'c0ffee', '15'],
    ['delete', '--force', 'c0ffee'],
    ['delete', '-f', 'c0ffee'],
  ])('%s %s %s ends all of the pod without an instruction of its own, and the runtime hears of it then', async (...words: string[]) => {
    const call = words.filter(Boolean);
    const { code, record } = await node.call(call);
    expect({ code, record }).toEqual({ code: 0, record: call });
    await expectAllDead();
    expect(await readFile(join(held, 'decision'), 'utf8')).toBe('kill');
    expect(existsSync(join(held, 'c0ffee.killed'))).toBe(true);
  });

  test('so does one that comes while the pod above is frozen in the place of its containers', async () => {
    await pod.freeze(pod.folder);
    for (const id of ids) pod.order(pod.folderOf(id), false);
    expect(await node.call(['kill', 'decaf', 'KILL'])).toMatchObject({ code: 0 });
    await expectAllDead();
  });

  test('it is said to run, whatever the runtime says', async () => {
    await node.setRuntime(
      '#!/bin/sh\nprintf \'{"id": "c0ffee",\\n  "status": "paused",\\n "annotations": {"x": "\\"paused\\""}}\\n\'; exit 0\n',
    );
    const { code, stdout } = await node.call(['--root', '/r', 'state', 'c0ffee']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ id: 'c0ffee', status: 'running', annotations: { x: '"paused"' } });
  });

  test.each(['resume', 'exec'])('%s is refused, and start does nothing', async (verb) => {
    const { code, record, stderr } = await node.call(['--root', '/r', verb, 'c0ffee']);
    expect(code).not.toBe(0);
    expect(record).toEqual([]);
    expect(stderr).toContain('held until its migration is decided');
    expect(await node.call(['start', 'c0ffee'])).toMatchObject({ code: 0, record: [] });
    expect(ids.map((id) => pod.counts(id))).toEqual(before);
  });

  // Version 2 ends them all the same, without letting them run.
  test.runIf(version === 1)('whoever does not see its processes neither ends it nor lets it run', async () => {
    // As a helper without hostPID would ask: it is shown a folder full of processes as an empty one.
    const runtime = `exec -a runc ${join(node.folder, 'runc')} kill c0ffee KILL`;
    const env = { RECORD: join(node.folder, 'none'), ASAN_OPTIONS: 'detect_leaks=0' };
    const { code, stderr } = await run(['unshare', '--pid', '--fork', 'bash', '-c', runtime], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('the held container does not end');
    expect(ids.map((id) => pod.members(id).length)).toEqual([2, 2]);
    expect(ids.map((id) => pod.isFrozen(pod.folderOf(id)))).toEqual([true, true]);
    expect(ids.map((id) => pod.counts(id))).toEqual(before);
  });

  test('a signal that comes after the decision for it belongs to the container that runs', async () => {
    await writeFile(join(held, 'decision'), 'go');
    expect(await node.call(['kill', 'c0ffee', 'TERM'])).toMatchObject({ record: ['kill', 'c0ffee', 'TERM'] });
    expect(await node.call(['exec', 'c0ffee'])).toMatchObject({ record: ['exec', 'c0ffee'] });
    expect(pod.members('decaf')).toHaveLength(2);
  });

  test("calls about others are the runtime's, and signal 0 is no signal", async () => {
    for (const words of [
      ['kill', 'another', 'KILL'],
      ['kill', 'c0ffee', '0'],
      ['delete', '--force', 'another'],
      ['delete', 'c0ffee'],
    ]) {
      expect((await node.call(words)).record).toEqual(words);
    }
    expect(existsSync(join(held, 'decision'))).toBe(false);
    expect(pod.members('c0ffee')).toHaveLength(2);
  });
});

test('the root file system that a killed runtime left mounted is taken away before its container is deleted', async () => {
  const root = join(node.folder, 'root');
  await mkdir(join(root, 'c0ffee/criu-root'), { recursive: true });
  await mkdir(join(node.folder, 'rootfs'), { recursive: true });
  await writeFile(join(node.folder, 'rootfs/precious'), '');
  await node.setRuntime('#!/bin/sh\nrm -r "$2/c0ffee"\n');
  const script = `mount --bind ${node.folder}/rootfs ${root}/c0ffee/criu-root; exec ${node.folder}/runc --root ${root} delete --force c0ffee`;
  await must(['unshare', '--mount', 'sh', '-euc', script], { env: { ASAN_OPTIONS: 'detect_leaks=0' } });
  expect(existsSync(join(root, 'c0ffee'))).toBe(false);
  expect(existsSync(join(node.folder, 'rootfs/precious'))).toBe(true);
});
