import { afterAll, expect, test } from 'vitest';
import type { LoadReport } from '../../bed/client/crowd.ts';
import { goFunctionImage } from '../../bed/knative/images.ts';
import { nodeNamed } from '../../bed/layout.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { getPod, leftoversInTheEnd, migrate, startMigration } from '../e2e/cluster.ts';
import { applyFunction, crowdAt, deleteFunction, doorOf, privateEndpoints, untilInstances } from './functions.ts';
import { hammerOn } from './hammer-on.ts';

const enough = 2_000;
let last: string | undefined;
const forget = async (): Promise<void> => {
  if (last !== undefined) await deleteFunction(last);
  last = undefined;
};
afterAll(forget);

/** A function of so many instances, each on the home node. @returns its revision */
async function begin(name: string, scale: number): Promise<string> {
  await forget();
  last = name;
  const revision = await applyFunction({ name, image: goFunctionImage, minScale: scale, maxScale: scale, target: 20 });
  await untilInstances(revision, scale);
  return revision;
}

/** Moves one of a revision's instances with its clients at work. */
async function moveUnderLoad(
  revision: string,
  scale: number,
  ...flags: readonly string[]
): Promise<{ report: MigrationReport; load: LoadReport }> {
  const name = (await untilInstances(revision, scale))[0]?.metadata.name ?? '';
  const door = await doorOf(revision);
  const crowds = [
    crowdAt(door, { name: 'fresh', clients: 4, connections: 'fresh', pauseMs: 10 }),
    crowdAt(door, { name: 'kept', clients: 4, pauseMs: 10 }),
    // The activator sends a GET again that got no answer, and the function does it twice.
    crowdAt(door, { name: 'slow', path: 'slow?ms=2000', clients: 4, method: 'POST' }),
  ];
  const hammering = await hammerOn({ crowds }, nodeNamed('home-1'));
  await hammering.untilAnswered(enough / 2);
  const { code, stdout, stderr } = await migrate(name, '-o', 'json', ...flags);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  await hammering.untilAnswered(enough / 2);
  const load = await hammering.stop();
  expect((await getPod('home', name)).spec.nodeName).toBe('away');
  expect(await leftoversInTheEnd(name)).toEqual([]);
  const report = JSON.parse(stdout) as MigrationReport;
  const silences = Object.entries(load.crowds).map(
    ([crowd, { sent, longestSilenceMs }]) => `${crowd} ${sent} sent, ${Math.round(longestSilenceMs)} ms`,
  );
  process.stderr.write(
    `${revision} ${flags.join(' ')}: frozen ${report.frozenMs} ms, ${silences.join('; ')}; failed ${JSON.stringify(load.failures)}\n`,
  );
  return { report, load };
}

test.for([1, 2, 3, 4, 5].flatMap((run) => [1, 3].map((scale) => ({ run, scale }))))(
  'run $run: one of $scale instances is moved when its requests have ended, and no client fails',
  async ({ run, scale }) => {
    const revision = await begin(`quiet-${scale}-${run}`, scale);
    const { report, load } = await moveUnderLoad(revision, scale, '--quiesce');
    const sent = Object.values(load.crowds).reduce((sum, crowd) => sum + crowd.sent, 0);
    expect(sent).toBeGreaterThanOrEqual(enough);
    expect([load.failures, load.faults, load.lost, Object.keys(load.instances).length]).toEqual([[], [], 0, scale]);
    expect(report.steps.map(({ name }) => name)).toContain('quiesce');
    // Of the ReplicaSet's extra pod there may be one: a busy machine is slow to take it away.
    expect(report.notes.filter((note) => note.includes('requests'))).toEqual([]);
  },
);

test('without that requests that are in flight at the freeze fail', async () => {
  const revision = await begin('cut-off', 1);
  const { load } = await moveUnderLoad(revision, 1);
  expect(load.failures.length).toBeGreaterThan(0);
});

test('a move that is stopped while it waits puts the address back', async () => {
  const revision = await begin('stopped', 1);
  const [pod] = await untilInstances(revision, 1);
  const address = [pod?.status?.podIP];
  const hammering = await hammerOn({ crowds: [crowdAt(await doorOf(revision), { path: 'slow?ms=20000' })] }, nodeNamed('home-1'));
  const migration = await startMigration(pod?.metadata.name ?? '', '--quiesce');
  await migration.sees('waiting until no request is in flight');
  expect((await privateEndpoints(revision)).ready).toEqual([]);
  migration.child.kill('SIGINT');
  expect((await migration.result).code).toBe(130);
  await expect.poll(async () => (await privateEndpoints(revision)).ready).toEqual(address);
  expect((await hammering.stop()).failures).toEqual([]);
  expect(await leftoversInTheEnd(pod?.metadata.name)).toEqual([]);
});

test('when the time is up the pod is moved all the same, and it is told what was cut off', async () => {
  const revision = await begin('impatient', 1);
  const name = (await untilInstances(revision, 1))[0]?.metadata.name ?? '';
  const crowd = crowdAt(await doorOf(revision), { path: 'slow?ms=60000', limitMs: 70_000, method: 'POST' });
  const hammering = await hammerOn({ crowds: [crowd] }, nodeNamed('home-1'));
  const { code, stdout, stderr } = await migrate(name, '-o', 'json', '--quiesce=2s');
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  expect((JSON.parse(stdout) as MigrationReport).notes).toContain(
    'requests were in flight yet, about 1, whose clients get no answer; after 2 s it was frozen all the same',
  );
  expect((await hammering.stop()).failures.length).toBeGreaterThan(0);
});

test('the same command puts the address back that one has left out which was killed', async () => {
  const revision = await begin('killed', 1);
  const [pod] = await untilInstances(revision, 1);
  const name = pod?.metadata.name ?? '';
  await hammerOn({ crowds: [crowdAt(await doorOf(revision), { path: 'slow?ms=25000' })] }, nodeNamed('home-1'));
  const migration = await startMigration(name, '--quiesce=90s');
  await migration.sees('waiting until no request is in flight');
  migration.child.kill('SIGKILL');
  await migration.result;
  expect((await privateEndpoints(revision)).ready).toEqual([]);
  const again = await startMigration(name, '--max-freeze=1ms');
  await expect.poll(async () => (await privateEndpoints(revision)).ready, { timeout: 90_000 }).toEqual([pod?.status?.podIP]);
  expect((await again.result).code).toBe(3);
  expect(await leftoversInTheEnd(name)).toEqual([]);
});
