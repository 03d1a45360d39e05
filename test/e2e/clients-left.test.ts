import { afterAll, expect, test } from 'vitest';
import { nodeNamed } from '../../bed/layout.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { migrateWithoutRelay, moveUnderLoad, troublesIn } from '../load/move.ts';
import { ofOtherNode } from '../load/places.ts';
import { getPod, leftoversInTheEnd, migrateElsewhere, startMigration } from './cluster.ts';
import { onNode } from './faults.ts';

const otherNode = await ofOtherNode();
afterAll(otherNode.remove);
const home = nodeNamed('home-1');

const relays = async (): Promise<number> => Number(await onNode(home, 'pgrep -c -f "kubectl-migrate[/]relay" || [ $? = 1 ]'));

test('without the relay they would, and the report tells that they were not led on', async () => {
  const moved = await moveUnderLoad('not-led-on', otherNode, async () => migrateWithoutRelay('not-led-on'));
  expect(troublesIn(moved)).toContainEqual(expect.stringContaining('requests hung'));
  expect(moved.report.notes).toContainEqual(expect.stringContaining('clients that came to its old address were not led on'));
  expect(await leftoversInTheEnd()).toEqual([]);
});

test('whoever dies meanwhile, they are led on for a while, and the address is nobody else’s before', async () => {
  const moved = await moveUnderLoad('left-alone', otherNode, async () => {
    const address = (await getPod('home', 'left-alone')).status?.podIP ?? '';
    const isKept = async (): Promise<boolean> => (await onNode(home, `ls /var/lib/cni/networks/pods`)).split('\n').includes(address);
    const first = await startMigration('left-alone');
    await first.sees('waiting until its Services follow');
    first.child.kill('SIGKILL');
    await first.result;
    expect(await relays()).toBeGreaterThan(0);
    expect(await isKept()).toBe(true);
    const { code, stdout, stderr } = await migrateElsewhere('left-alone', '-o', 'json');
    expect(code, stderr).toBe(0);
    await expect.poll(relays, { timeout: 60_000 }).toBe(0);
    await expect.poll(isKept, { timeout: 60_000 }).toBe(false);
    return JSON.parse(stdout) as MigrationReport;
  });
  expect(troublesIn(moved)).toEqual([]);
  expect(await leftoversInTheEnd()).toEqual([]);
});
