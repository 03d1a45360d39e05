import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { listenForPeer } from '../../../src/agent/peer/link.ts';
import type { SourceGuard } from '../../../src/agent/source/guard.ts';
import { compileSpin, FreezerPod, freezerVersions } from '../../native/freezer-pod.ts';

const folder = vi.hoisted(() => `/tmp/restarted-test-${process.pid}`);

// This machine is the node, but for its runtime's folders.
vi.mock('../../../src/agent/node/host.ts', async (original) => ({
  ...(await original<object>()),
  hostProc: '/proc',
  runDir: `${folder}/run`,
  onHost: (path: string) => (path.startsWith('/run/containerd/') ? `${folder}${path}` : path),
}));
vi.mock('../../../src/agent/node/install.ts', () => ({
  install: async () => Promise.resolve(),
  stagingDir: () => folder,
  awaitDir: folder,
}));
vi.mock('../../../src/agent/criu/kerndat.ts', () => ({ learnKerndat: async () => Promise.resolve() }));
vi.mock('../../../src/agent/source/inspect.ts', () => ({ inspect: async () => Promise.resolve({ findings: [] }) }));
vi.mock('../../../src/agent/runc/overlay.ts', () => ({ overlayAt: () => ({ upper: folder, marks: '' }), indexOf: () => '/nowhere' }));

const { SourceMigration } = await import('../../../src/agent/source/migration.ts');
const { freezeTogether } = await import('../../../src/agent/source/freeze.ts');
const { bundles, findContainer, runcRoot } = await import('../../../src/agent/runc/container.ts');

const spin = join(folder, 'spin');
const key = Buffer.alloc(32, 7).toString('base64');
const ids = { one: `${process.pid}`.padStart(16, 'a'), other: `${process.pid}`.padStart(16, 'b') };
const all = Object.entries(ids).map(([name, id]) => ({ name, id: `containerd://${id}` }));
const ref = { uid: 'uid', containers: all, volumes: [], projected: [], addresses: [], to: 'away' };

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  await compileSpin(spin);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe.each(freezerVersions)('a container that was restarted since the pod was looked at, by freezer version %i', (version) => {
  let pod: FreezerPod;
  let counts = '';

  beforeEach(async () => {
    counts = mkdtempSync(join(tmpdir(), 'counts-'));
    pod = await FreezerPod.make(version, counts, spin);
    for (const [name, id] of Object.entries(ids)) {
      await pod.run(id);
      const annotations = { 'io.kubernetes.cri.sandbox-uid': 'uid', 'io.kubernetes.cri.container-name': name };
      const mounts = [{ destination: '/etc/hosts', source: '/kubelet/pods/uid/etc-hosts' }];
      const state = { init_process_pid: pod.members(id)[0], cgroup_paths: { [version === 1 ? 'freezer' : '']: pod.folderOf(id) } };
      put(`${bundles}/${id}/config.json`, { annotations, mounts });
      put(`${runcRoot}/${id}/state.json`, state);
    }
  });

  afterEach(async () => {
    await pod.remove(Object.values(ids));
    rmSync(join(folder, 'run'), { recursive: true, force: true });
    rmSync(counts, { recursive: true });
  });

  const put = (path: string, content: unknown): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), JSON.stringify(content));
  };
  /** As its end leaves it, of whatever its restart has made since. */
  const end = async (id: string): Promise<void> => {
    for (const pid of pod.members(id)) process.kill(pid, 'SIGKILL');
    await expect.poll(() => pod.members(id)).toEqual([]);
    for (const path of [`${bundles}/${id}`, `${runcRoot}/${id}`]) rmSync(join(folder, path), { recursive: true });
  };
  const expectRuns = async (id: string): Promise<void> => {
    const before = pod.counts(id);
    await expect.poll(() => pod.counts(id).every((count, each) => count > (before[each] ?? 0)), { timeout: 3000 }).toBe(true);
  };

  test('is named before anything is frozen, and the pod is left as it is', async () => {
    const agent = new SourceMigration('m1', () => undefined);
    await agent.inspect(ref);
    const { port } = await listenForPeer(key, () => undefined);
    await agent.connect('127.0.0.1', port, key);
    const claim = join(folder, 'run/pods/uid');
    const files = readdirSync(claim, { recursive: true });
    await end(ids.other);
    await expect(agent.checkpoint({ budgetMs: 10_000, record: {} })).rejects.toThrow(
      'container other was restarted meanwhile, or has ended',
    );
    expect(readdirSync(claim, { recursive: true })).toEqual(files);
    expect(pod.isFrozen(pod.folderOf(ids.one))).toBe(false);
    await expectRuns(ids.one);
  });

  test('is named when it goes at the very moment of the freeze', async () => {
    const containers = await Promise.all(all.map(async ({ name, id }) => findContainer(name, id, 'uid')));
    await end(ids.other);
    const gone = { ...containers[1], cgroupPaths: { [version === 1 ? 'freezer' : '']: `${pod.folderOf(ids.other)}-gone` } };
    const guard = { frozen: () => undefined } as unknown as SourceGuard;
    const freezing = freezeTogether([containers[0], gone] as typeof containers, guard, () => undefined);
    await expect(freezing).rejects.toThrow('container other was restarted meanwhile, or has ended');
  });
});
