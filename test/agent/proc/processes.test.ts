import { mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { compileSpin, FreezerPod, freezerVersions } from '../../native/freezer-pod.ts';

// This machine is the node.
vi.mock('../../../src/agent/node/host.ts', () => ({ hostProc: '/proc', onHost: (path: string) => path }));

const { processesOf } = await import('../../../src/agent/proc/processes.ts');

test.each(freezerVersions)(
  'a process in a cgroup that the container has made below its own is one of its, by cgroup version %i',
  async (version) => {
    const folder = mkdtempSync(join(tmpdir(), 'processes-'));
    await compileSpin(join(folder, 'spin'));
    const pod = await FreezerPod.make(version, folder, join(folder, 'spin'));
    await pod.run('one');
    const below = [join(pod.folderOf('one'), 'made'), join(pod.folderOf('one'), 'made/by-it')];
    const [first = 0, child = 0] = pod.members('one');
    try {
      for (const made of below) mkdirSync(made);
      writeFileSync(join(below.at(-1) ?? '', 'cgroup.procs'), String(child));
      expect(pod.members('one')).toEqual([first]);
      const container = { name: 'one', initPid: first, cgroupPaths: { [version === 1 ? 'freezer' : '']: pod.folderOf('one') } };
      expect(new Set(processesOf(container))).toEqual(new Set([first, child]));
    } finally {
      writeFileSync(join(pod.folderOf('one'), 'cgroup.procs'), String(child));
      for (const made of below.toReversed()) rmdirSync(made);
      await pod.remove(['one']);
      rmSync(folder, { recursive: true });
    }
  },
);
