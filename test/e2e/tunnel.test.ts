import { afterAll, beforeAll, expect, test } from 'vitest';
import { insideBed } from '../../bed/bed.ts';
import { clusters, networkOf, nodes, prefix } from '../../bed/layout.ts';
import { must, run, type RunResult } from '../../build/run.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { deletePod, getPod, leftoversInTheEnd, startPod } from './cluster.ts';
import { podOf } from './pods.ts';

/** A place from which only the home cluster can be reached. */
const outpost = `${prefix}-outpost`;

beforeAll(async () => {
  await must(['ip', 'netns', 'add', outpost]);
  await must(['ip', 'link', 'add', 'e-outpost', 'netns', networkOf(), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outpost]);
  await must(['ip', '-n', networkOf(), 'link', 'set', 'e-outpost', 'master', 'br0', 'up']);
  await must(['ip', '-n', outpost, 'addr', 'add', '10.77.0.99/24', 'dev', 'eth0']);
  await must(['ip', '-n', outpost, 'link', 'set', 'eth0', 'up']);
  for (const { address } of nodes.filter(({ cluster }) => cluster === 'away'))
    await must(['ip', '-n', outpost, 'route', 'add', 'blackhole', address]);
});

afterAll(async () => {
  await deletePod('far');
  await must(['ip', 'netns', 'del', outpost]);
});

async function fromOutpost(...command: readonly string[]): Promise<RunResult> {
  const { env } = await insideBed([]);
  return await run(['ip', 'netns', 'exec', outpost, ...command], { env });
}

test('a pod moves though its user cannot reach the peer: the way goes through the helper at home', async () => {
  await startPod(podOf('far', ['ticker', '4', '20']));
  const away = clusters.find(({ name }) => name === 'away')?.address;
  const direct = await fromOutpost('kubectl', '--context', 'away', '--request-timeout=5s', 'get', '--raw', '/readyz');
  expect(direct.stderr).toContain(away);

  const { code, stdout, stderr } = await fromOutpost('kubectl', 'migrate', 'far', '-n', 'demo', '--to', 'away', '-o', 'json');
  expect(stderr).not.toContain('error');
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as MigrationReport).to).toBe('away');
  expect((await getPod('home', 'far')).spec.nodeName).toBe('away');
  expect(await leftoversInTheEnd('far')).toEqual([]);
});
