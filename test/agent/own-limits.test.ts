import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { liftOwnLimits, raiseOwnWeight } from '../../src/agent/node/own-limits.ts';

const pod = 'pod0a1b2c3d-4e5f-0000-0000-000000000000';

describe.runIf(existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'))("limits of the kernel's cgroups, version 1", () => {
  const above = `limits-${process.pid}`;
  const folders = ['cpu', 'memory'].flatMap((controller) =>
    [above, `${above}/${pod}`, `${above}/${pod}/agent`].map((folder) => `/sys/fs/cgroup/${controller}/${folder}`),
  );
  const cpu = (folder: string): string => readFileSync(`/sys/fs/cgroup/cpu/${folder}/cpu.cfs_quota_us`, 'utf8').trim();
  const memory = (folder: string): number => Number(readFileSync(`/sys/fs/cgroup/memory/${folder}/memory.limit_in_bytes`, 'utf8'));

  const shares = (folder: string): string => readFileSync(`/sys/fs/cgroup/cpu/${folder}/cpu.shares`, 'utf8').trim();

  beforeEach(() => {
    for (const folder of folders) mkdirSync(folder);
    for (const folder of [above, `${above}/${pod}`, `${above}/${pod}/agent`]) {
      writeFileSync(`/sys/fs/cgroup/cpu/${folder}/cpu.cfs_quota_us`, '20000');
      writeFileSync(`/sys/fs/cgroup/memory/${folder}/memory.limit_in_bytes`, String(256 << 20));
    }
  });

  afterEach(() => {
    for (const folder of folders.toReversed()) rmdirSync(folder);
  });

  test('go from the container and from its pod, and from nothing above', () => {
    const path = `/${above}/${pod}/agent`;
    const { lifted, left } = liftOwnLimits(`9:memory:${path}\n4:cpu:${path}\n1:name=systemd:${path}\n`, '/sys/fs/cgroup');
    // The quota above stays, and holds for those below by itself.
    expect({ lifted, left }).toEqual({ lifted: ['cpu 200m', 'memory 256Mi'], left: [] });
    expect([cpu(above), cpu(`${above}/${pod}`), cpu(`${above}/${pod}/agent`)]).toEqual(['20000', '-1', '-1']);
    expect(memory(above)).toBe(256 << 20);
    expect(memory(`${above}/${pod}/agent`)).toBeGreaterThan(2 ** 60);
    expect(liftOwnLimits(`9:memory:${path}\n4:cpu:${path}\n`, '/sys/fs/cgroup')).toEqual({ lifted: [], left: [] });
  });

  test('a request that is small makes it no less than others, and none above it more', () => {
    for (const folder of [above, `${above}/${pod}`, `${above}/${pod}/agent`])
      writeFileSync(`/sys/fs/cgroup/cpu/${folder}/cpu.shares`, '10');
    raiseOwnWeight(`4:cpu:/${above}/${pod}/agent\n`, '/sys/fs/cgroup');
    expect([shares(above), shares(`${above}/${pod}`), shares(`${above}/${pod}/agent`)]).toEqual(['10', '1024', '1024']);
  });

  test('one that is large stays', () => {
    writeFileSync(`/sys/fs/cgroup/cpu/${above}/${pod}/agent/cpu.shares`, '4096');
    raiseOwnWeight(`4:cpu:/${above}/${pod}/agent\n`, '/sys/fs/cgroup');
    expect(shares(`${above}/${pod}/agent`)).toBe('4096');
  });
});

describe('limits as version 2 writes them', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'own-limits-'));
    writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory');
    mkdirSync(join(root, `kubepods.slice/kubepods-${pod.replaceAll('-', '_')}.slice/agent.scope`), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('are read and lifted, and what cannot be written is told', () => {
    const path = `/kubepods.slice/kubepods-${pod.replaceAll('-', '_')}.slice/agent.scope`;
    writeFileSync(join(root, path, 'cpu.max'), '150000 100000\n');
    writeFileSync(join(root, path, '../cpu.max'), '300000 100000\n');
    writeFileSync(join(root, path, 'memory.max'), 'max\n');
    // A number that nobody may change, not even root.
    symlinkSync('/proc/sys/kernel/ngroups_max', join(root, path, 'memory.high'));
    const { lifted, left } = liftOwnLimits(`0::${path}\n`, root);
    expect(lifted).toEqual(['cpu 1500m']);
    expect(left).toEqual([expect.stringMatching(/^memory 0Mi \(E/)]);
    expect(readFileSync(join(root, path, 'cpu.max'), 'utf8')).toBe('max');
    expect(readFileSync(join(root, path, '../cpu.max'), 'utf8')).toBe('max');
  });

  test('and so is what it weighs, but not above its pod', () => {
    const path = `/kubepods.slice/kubepods-${pod.replaceAll('-', '_')}.slice/agent.scope`;
    const folders = ['', '..', '../..'].map((folder) => join(root, path, folder));
    for (const folder of folders) writeFileSync(join(folder, 'cpu.weight'), '1\n');
    raiseOwnWeight(`0::${path}\n`, root);
    expect(folders.map((folder) => readFileSync(join(folder, 'cpu.weight'), 'utf8'))).toEqual(['100', '100', '1\n']);
    raiseOwnWeight('0::/\n', root);
  });

  test('are none in the root, and where no controller is', () => {
    expect(liftOwnLimits('0::/\n', root)).toEqual({ lifted: [], left: [] });
    expect(liftOwnLimits('', root)).toEqual({ lifted: [], left: [] });
  });
});
