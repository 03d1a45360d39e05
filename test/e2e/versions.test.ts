import { afterAll, beforeAll, expect } from 'vitest';
import { nodes } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { Pod } from '../../src/kube/types.ts';
import { deletePod, leftoversInTheEnd, migrate, startPod } from './cluster.ts';
import { test } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks, expectOneCopy, provesFreshStartIsSeen } from './ticks.ts';
import { expectRunsOn } from './untouched.ts';

const ticks = await collectTicks();

const folder = '/var/lib/kubectl-migrate';
let original: Pod;
beforeAll(async () => {
  original = await startPod(podOf('versions', [], { containers: [ticks.beacon('main')] }));
  await provesFreshStartIsSeen(ticks, original);
});
afterAll(async () => {
  await deletePod('versions');
  await ticks.stop();
});

/** What a migration of another version has left: programs that do nothing. */
async function leaveOldPrograms(...more: readonly string[]): Promise<void> {
  const script = [
    'set -eu',
    `mkdir -p ${folder}/tools`,
    `cd ${folder}`,
    'cp /usr/bin/false wrapper',
    'cp wrapper guard',
    'echo old > made-of',
    ...more,
  ];
  for (const node of nodes) expect((await runOnNode(node, ['sh', '-c', script.join('; ')])).code).toBe(0);
}

test('programs that another version uses on a node are not replaced, and the command says so', async () => {
  await leaveOldPrograms('mkdir -p migrations/0123abcd');
  try {
    const { code, stderr } = await migrate('versions');
    expect(stderr).toMatch(/error: .*another version of kubectl migrate is at work on this node, or died there \(0123abcd\)/);
    expect(code).toBe(1);
    await expectRunsOn(original, ticks);
    for (const node of nodes) expect((await runOnNode(node, ['cat', `${folder}/made-of`])).stdout).toBe('old\n');
  } finally {
    for (const node of nodes) await runOnNode(node, ['rm', '-r', folder]);
  }
});

test('those that nobody uses are replaced', async () => {
  await leaveOldPrograms();
  const isOld = `[ "$(cat ${folder}/made-of)" = old ]`;
  const { code, stderr } = await migrate('versions');
  expect(code, stderr).toBe(0);
  await expectOneCopy(ticks, 'versions', { sides: ['home', 'away'] });
  // One of the two nodes at the peer had nothing to do with it.
  for (const node of nodes) await runOnNode(node, ['sh', '-c', `${isOld} && rm -r ${folder}`]);
  expect(await leftoversInTheEnd()).toEqual([]);
});
