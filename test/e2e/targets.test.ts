import { expect, test } from 'vitest';
import { runIn } from '../../bed/bed.ts';
import type { RunResult } from '../../build/run.ts';
import { mustKubectl } from './cluster.ts';

async function targets(...args: readonly string[]): Promise<RunResult> {
  return await runIn(['kubectl', 'migrate', 'targets', ...args]);
}

test('the peer is listed as kubectl get lists things', async () => {
  const { code, stdout, stderr } = await targets('-n', 'demo');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [header = '', row = ''] = stdout.split('\n');
  expect(header.split(/ {2,}/)).toEqual(['NAME', 'STATUS', 'CLUSTER', 'FREE CPU', 'FREE MEMORY', 'NAMESPACE', 'IN THE WAY']);
  expect(row.split(/ {2,}/)).toEqual([
    'away',
    'Ready',
    'away',
    expect.stringMatching(/^\d+m?$/),
    expect.stringMatching(/^\d+Mi$/),
    'demo',
    '<none>',
  ]);
});

test('a namespace that is not offloaded is told how it can be', async () => {
  const { code, stdout } = await targets(
    '-n',
    'kube-public',
    '-o',
    'jsonpath={range .items[*].findings[*]}{.code} {.text}: {.remedy}{end}',
  );
  expect(code).toBe(0);
  expect(stdout).toBe(
    'KM-NOT-OFFLOADED namespace kube-public of cluster home is not offloaded by Liqo: liqoctl offload namespace kube-public',
  );
});

test('what is free is what the node gives less what is requested of it', async () => {
  const node = await mustKubectl('home', 'get', 'node', 'away', '-o', 'jsonpath={.status.allocatable.pods}');
  const pods = await mustKubectl('home', 'get', 'pods', '-A', '--field-selector', 'spec.nodeName=away', '-o', 'name');
  const { stdout } = await targets('-o', 'jsonpath={.items[0].free.pods}');
  expect(Number(stdout)).toBe(Number(node) - pods.split('\n').filter(Boolean).length);
});

test('a cluster without peers has nothing to list', async () => {
  expect(await targets('--context', 'away')).toMatchObject({ code: 0, stdout: '', stderr: 'No peered clusters found in cluster away.\n' });
  expect(await targets('--context', 'away', '-o', 'json')).toMatchObject({ code: 0, stdout: '{\n    "items": []\n}\n', stderr: '' });
});
