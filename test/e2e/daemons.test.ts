import { afterAll, beforeAll, expect, vi } from 'vitest';
import { nodeNamed } from '../../bed/layout.ts';
import { runOnNode } from '../../bed/node.ts';
import type { Pod } from '../../src/kube/types.ts';
import { deletePod, getPod, logs, mustKubectl, startPod } from './cluster.ts';
import { test } from './pod-test.ts';
import { containerIdOf, podOf } from './pods.ts';
import { breaksIn, longestGap, stepsIn } from './steps.ts';

const node = nodeNamed('home-1');
let original: Pod;
beforeAll(async () => {
  original = await startPod(podOf('bystander', ['ticker', '1', '20']));
});
afterAll(async () => deletePod('bystander'));

async function onNode(script: string): Promise<string> {
  const { code, stdout, stderr } = await runOnNode(node, ['sh', '-euc', script]);
  if (code !== 0) throw new Error(`"${script}" on ${node.name} ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** What succeeds only while that daemon does its work. */
const works: Readonly<Record<string, () => Promise<unknown>>> = {
  'containerd': async () => onNode('timeout 2 ctr version'),
  'kubelet': async () => mustKubectl('home', 'exec', 'bystander', '--', 'true'),
  'kube-proxy': async () => onNode('busybox wget -q -O - http://127.0.0.1:10256/healthz'),
};

test.each(Object.keys(works))('a node outlives its %s, which is started again, and its pods do not notice', async (daemon) => {
  const logLines = async (): Promise<number> => Number(await onNode(`wc -l < /var/log/${daemon}.log`));
  const [killed, written] = [await onNode(`pgrep -x ${daemon}`), await logLines()];
  await onNode(`kill -9 ${killed}`);
  await expect(works[daemon]?.()).rejects.toThrow();
  await vi.waitFor(async () => works[daemon]?.(), { timeout: 60_000, interval: 200 });
  expect(await onNode(`pgrep -x ${daemon}`)).not.toBe(killed);
  expect(await logLines()).toBeGreaterThan(written);

  await mustKubectl('home', 'wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=60s');
  const pod = await getPod('home', 'bystander');
  expect(containerIdOf(pod)).toBe(containerIdOf(original));
  expect(pod.status?.containerStatuses?.map(({ restartCount }) => restartCount)).toEqual([0]);
  const seen = stepsIn(await logs('home', 'bystander')).length;
  await vi.waitFor(async () => expect(stepsIn(await logs('home', 'bystander')).length).toBeGreaterThan(seen), 20_000);
  const steps = stepsIn(await logs('home', 'bystander'));
  expect(breaksIn(steps)).toEqual([]);
  expect(longestGap(steps)).toBeLessThan(1_000);
});

test('a node whose daemons have been started again takes new pods', async ({ start }) => {
  await start(podOf('newcomer', ['ticker', '1', '20']));
});

test('a node reaps what is orphaned on it', async () => {
  const zombies = async (): Promise<string> => onNode('ps -e -o stat,pid,comm | grep ^Z || true');
  await onNode('for orphan in $(seq 100); do (sleep 0.1 &); done');
  await vi.waitFor(async () => expect(await onNode('pgrep -x -c -P 1 sleep || true')).toBe('0'), 10_000);
  await vi.waitFor(async () => expect(await zombies()).toBe(''), 10_000);
});
