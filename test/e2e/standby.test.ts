import { afterAll, describe, expect } from 'vitest';
import { nodeNamed, nodes, type BedNode } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import { kubectl, leftoversInTheEnd, mustKubectl, startMigration } from './cluster.ts';
import { nodeFolder, onNode } from './faults.ts';
import { heardTest } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks, expectOneCopy } from './ticks.ts';
import { expectUntouched } from './untouched.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);
const test = heardTest(ticks);

/** The node of the peer on which the pod's standby is, as soon as one is. */
async function standbyNode(pod: string): Promise<BedNode> {
  const nodeName = async (): Promise<string> => (await kubectl('away', 'get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}')).stdout;
  await expect.poll(nodeName, { timeout: 60_000, interval: 50 }).not.toBe('');
  return nodeNamed(await nodeName());
}

describe('all files of a pod come over, or it stays where it is', () => {
  test.for([
    {
      what: 'its standby is deleted and made anew',
      name: 'made-anew',
      disturb: async (): Promise<boolean> =>
        (await kubectl('away', 'delete', 'pod', 'made-anew', '--force', '--grace-period=0')).code === 0,
    },
    {
      what: 'the peer gives a call for its container up, and makes another',
      name: 'asked-again',
      disturb: async (node: BedNode): Promise<boolean> =>
        (await runOnNode(node, ['pkill', '-9', '-f', '[r]unc[^ ]* .* create '])).code === 0,
    },
  ])('when $what', async ({ name, disturb }, { start }) => {
    const main = ticks.beacon('main', {}, { volumeMounts: [{ name: 'data', mountPath: '/data' }] });
    const original = await start(podOf(name, [], { volumes: [{ name: 'data', emptyDir: {} }], containers: [main] }));
    const inPod = async (script: string): Promise<string> => mustKubectl('home', 'exec', name, '--', 'sh', '-c', script);
    await inPod('for n in $(seq 200); do echo $n > /root/$n; echo $n > /data/$n; done');
    const sums = 'find /root /data -type f -exec md5sum {} + | sort';
    const before = await inPod(sums);
    expect(before.trim().split('\n').length).toBeGreaterThanOrEqual(400);

    const running = await startMigration(name);
    const node = await standbyNode(name);
    // At once, or when there is something to hit.
    await expect.poll(async () => disturb(node), { timeout: 60_000, interval: 20 }).toBe(true);

    const { code, stderr } = await running.result;
    expect([0, 1], stderr).toContain(code);
    expect(await inPod(sums)).toBe(before);
    if (code === 1) await expectUntouched(original, ticks);
    else await expectOneCopy(ticks, name, { sides: ['home', 'away'] });
    expect(await leftoversInTheEnd()).toEqual([]);
  });
});

test('a node of the peer starts nothing though somebody uncovers its runtime before that is asked for the pod', async ({ start }) => {
  const original = await start(podOf('uncovered', [], { containers: [ticks.beacon('main'), ticks.beacon('other')] }));
  // No other cover is there that could be taken for this one's.
  expect(await leftoversInTheEnd()).toEqual([]);
  const running = await startMigration('uncovered');
  const covers = `grep -F ${nodeFolder}/wrapper /proc/self/mountinfo | cut -d' ' -f5`;
  const uncover = `${covers}; for path in $(${covers}); do umount -l "$path"; done`;
  const away = nodes.filter(({ cluster }) => cluster === 'away');
  const uncovered = async (): Promise<string> => (await Promise.all(away.map(async (node) => onNode(node, uncover)))).join('');
  await expect.poll(uncovered, { timeout: 60_000, interval: 20 }).not.toBe('');
  const { code, stderr } = await running.result;
  expect(code, stderr).toBe(1);
  await expectUntouched(original, ticks);
});
