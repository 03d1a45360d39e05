import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { compileSpin, FreezerPod, freezerVersions, writeHeld } from '../../native/freezer-pod.ts';

const folder = vi.hoisted(() => `/tmp/go-test-${process.pid}`);

// This machine is the node.
vi.mock('../../../src/agent/node/host.ts', async (original) => ({
  ...(await original<object>()),
  hostProc: '/proc',
  runDir: `${folder}/run`,
  onHost: (path: string) => path,
}));
vi.mock('../../../src/agent/node/install.ts', async (original) => ({
  ...(await original<object>()),
  install: async () => Promise.resolve(),
  uninstall: async () => Promise.resolve(),
}));
vi.mock('../../../src/agent/node/kubelet-pods.ts', () => ({ linkKubeletPods: () => undefined, isPodOnNode: () => false }));
vi.mock('../../../src/agent/target/sandboxes.ts', () => ({ hasSandbox: () => false, unaskedSandbox: () => undefined }));
vi.mock('../../../src/agent/target/await-entry.ts', () => ({ forgetPod: async () => Promise.resolve(), seenPods: () => [] }));

const { TargetMigration } = await import('../../../src/agent/target/target.ts');
const { cleanNode } = await import('../../../src/agent/target/node-cleanup.ts');

const spin = join(folder, 'spin');
const migration = 'm1';
const held = join(folder, 'run/held', migration);
// Part of the cgroups' paths, as a container's ID is.
const ids = [1, 2].map((number) => `${process.pid}c0ffee${number}`);

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  await compileSpin(spin);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe.each(freezerVersions)('a target whose agent and keepers died after the decision, by freezer version %i', (version) => {
  let pod: FreezerPod;
  let counts = '';

  beforeEach(async () => {
    counts = mkdtempSync(join(tmpdir(), 'counts-'));
    pod = await FreezerPod.make(version, counts, spin);
    mkdirSync(held, { recursive: true });
    for (const id of ids) {
      await pod.run(id);
      writeFileSync(join(held, `${id}.begun`), `name of ${id}`);
    }
    await writeHeld(held, pod, ids, join(folder, 'run/held/by-id'));
  });

  afterEach(async () => {
    await pod.remove(ids);
    rmSync(join(folder, 'run'), { recursive: true, force: true });
    rmSync(counts, { recursive: true });
  });

  /** The pod as a whole, as it is armed; or each by itself. */
  const freeze = async (what: 'pod' | 'containers'): Promise<void> => {
    for (const one of what === 'pod' ? [pod.folder] : ids.map((id) => pod.folderOf(id))) await pod.freeze(one);
  };
  const decide = (decision: string): void => writeFileSync(join(held, 'decision'), decision);
  const fact = async (): Promise<string> => new TargetMigration(migration, () => undefined).fact();
  const expectRuns = async (...which: string[]): Promise<void> => {
    const before = which.map((id) => pod.counts(id));
    const run = (): boolean => which.every((id, one) => pod.counts(id).every((count, each) => count > (before[one]?.[each] ?? 0)));
    await expect.poll(run, { timeout: 3000 }).toBe(true);
  };
  const expectStands = async (): Promise<void> => {
    const before = ids.map((id) => pod.counts(id));
    await new Promise((next) => setTimeout(next, 100));
    expect(ids.map((id) => pod.counts(id))).toEqual(before);
  };
  const end = async (id: string): Promise<void> => {
    for (const pid of pod.members(id)) process.kill(pid, 'SIGKILL');
    pod.order(pod.folderOf(id), false);
    await expect.poll(() => pod.members(id)).toEqual([]);
  };

  test.each(['pod', 'containers'] as const)('whoever asks how it stands lets it run first (frozen: %s)', async (what) => {
    await freeze(what);
    decide('go');
    expect(await fact()).toBe('runs');
    for (const one of [pod.folder, ...ids.map((id) => pod.folderOf(id))]) expect(pod.isFrozen(one)).toBe(false);
    await expectRuns(...ids);
    expect(await fact()).toBe('runs');
  });

  test('so does an agent that is asked to give up', async () => {
    await freeze('pod');
    decide('go');
    expect(await new TargetMigration(migration, () => undefined).abort('somebody wants it so')).toBe('runs');
    await expectRuns(...ids);
  });

  test('a container that has ended keeps none of the others', async () => {
    await end(ids[0] ?? '');
    await freeze('containers');
    decide('go');
    expect(await fact()).toBe('runs');
    await expectRuns(ids[1] ?? '');
  });

  test('of what stands still all the same nobody can say that it runs', async () => {
    await freeze('pod');
    decide('go');
    // Of this container nobody knows where it stands.
    rmSync(join(held, ids[1] ?? ''));
    expect(await fact()).toBe('silent');
  });

  test('what is being moved on from here stands for that move, and had run before', async () => {
    await freeze('containers');
    decide('go');
    const claim = join(folder, 'run/pods/uid/1');
    mkdirSync(claim, { recursive: true });
    writeFileSync(join(claim, 'frozen'), ids.map((id) => `name\t${id}\t1\t${pod.folderOf(id)}\n`).join(''));
    expect(await fact()).toBe('runs');
    await expectStands();
  });

  test('what is gone altogether has ended', async () => {
    for (const id of ids) rmSync(join(held, `${id}.begun`));
    writeFileSync(join(held, 'gone.begun'), 'name');
    writeFileSync(join(held, 'gone'), `${pod.folder}-gone/gone\n`);
    writeFileSync(join(held, 'pod'), `${pod.folder}-gone\n`);
    decide('go');
    expect(await fact()).toBe('ended');
  });

  test.each([
    ['nothing', 'silent'],
    ['kill', 'never'],
  ] as const)('nobody lets run what was not decided to: with %s it is %s', async (decision, told) => {
    await freeze('pod');
    if (decision !== 'nothing') decide(decision);
    expect(await fact()).toBe(told);
    await expectStands();
  });

  test('what clears the node of a moved pod sees to it that the pod runs, and takes nothing away before', async () => {
    await freeze('pod');
    decide('go');
    await cleanNode(migration, 'default', 'pod', { hasMoved: true });
    await expectRuns(...ids);
    expect(existsSync(held)).toBe(false);
  });

  test('it does not clear the node of what it cannot let run', async () => {
    await freeze('pod');
    decide('go');
    rmSync(join(held, 'pod'));
    await expect(cleanNode(migration, 'default', 'pod', { hasMoved: true })).rejects.toThrow('stands frozen');
    expect(existsSync(held)).toBe(true);
  });

  test('nor of a pod that is said not to have moved, and is to run', async () => {
    await freeze('pod');
    decide('go');
    await expect(cleanNode(migration, 'default', 'pod', { hasMoved: false })).rejects.toThrow('runs on this node');
    await expectRuns(...ids);
  });
});
