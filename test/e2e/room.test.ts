import { afterAll, expect, onTestFinished } from 'vitest';
import { nodes } from '../../bed/layout.ts';
import { migrate } from './cluster.ts';
import { nodeFolder, onNode } from './faults.ts';
import { test } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';
import { expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);

test('nodes that have too little room for a pod get nothing of it, and it runs on', async ({ start }) => {
  const original = await start(podOf('roomy', [], { containers: [ticks.beacon('main', { megabytes: 256 })] }));
  const onAll = async (script: string): Promise<string[]> => Promise.all(nodes.map(async (node) => onNode(node, script)));
  // Enough for the programs that come first.
  await onAll(`mkdir ${nodeFolder}; mount -t tmpfs -o size=192m,mode=700 tmpfs ${nodeFolder}; touch /run/looked-at`);
  // Whoever takes the folder away takes the mount with it.
  const asBefore = `rm -f /run/looked-at; ! mountpoint -q ${nodeFolder} || umount ${nodeFolder}; [ ! -e ${nodeFolder} ] || rmdir ${nodeFolder}`;
  // With one that is under way its wrapper would go, and no container could be ended any more.
  onTestFinished(async () => void (await onAll(`[ -e ${nodeFolder}/migrations ] || { ${asBefore}; }`)));
  const staged = onAll(`while [ -e /run/looked-at ]; do find ${nodeFolder}/migrations -type f -size +0 2>/dev/null || :; sleep 0.02; done`);
  const { code, stderr } = await migrate('roomy');
  await onAll('rm /run/looked-at');
  expect(code, stderr).toBe(3);
  for (const node of ['home-1', 'away-\\d']) expect(stderr).toMatch(new RegExp(`node ${node} has \\S+ GB of disk free[^;]*\\[KM-SPACE\\]`));
  expect(await staged).toEqual(nodes.map(() => ''));
  await onAll(asBefore);
  await expectUntouched(original, ticks);
});
