import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MigrationEvent } from '../../src/migration/contract.ts';
import { carryOut, migrate, plan } from '../../src/migration/engine.ts';
import type { UnblockedPlan } from '../../src/migration/plan.ts';
import { StepRunner } from '../../src/migration/step-runner.ts';
import { undoingWrites, writesOf } from '../../src/migration/steps.ts';
import { objectPath, type Write } from '../../src/migration/write.ts';
import { makePlan, requireUnblocked } from '../../src/migration/steps/plan.ts';
import { begin } from '../../src/migration/underway.ts';
import { TimelineRecorder } from '../../src/migration/timeline.ts';
import type { Inspection } from '../../src/protocol/agent-calls.ts';
import { startClusters, type Clusters } from './clusters.ts';

let clusters: Clusters;
let events: MigrationEvent[];
const never = new AbortController().signal;
const onEvent = (event: MigrationEvent): void => void events.push(event);

beforeEach(async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  events = [];
  clusters = await startClusters();
});

afterEach(async () => {
  await clusters.close();
  vi.restoreAllMocks();
});

/** Without the migration's ID, which is another one each time. */
function anonymous(lines: readonly string[]): string[] {
  const started = events.find(({ type }) => type === 'started');
  const id = started?.type === 'started' ? started.migration : '';
  return lines.map((line) => line.replaceAll(id, 'ID'));
}

const pods = '/api/v1/namespaces/demo/pods';
const shadowPods = '/apis/offloading.liqo.io/v1beta1/namespaces/demo-twin/shadowpods';
const secrets = '/api/v1/namespaces/demo-twin/secrets';

test('a pod is moved', async () => {
  const report = await migrate(clusters.request, onEvent, never);
  expect(report).toMatchObject({ pod: 'web-0', from: 'home-1', to: 'away', node: 'away-1', frozenMs: 5, notes: [] });
  expect(report.steps.map(({ name }) => name)).toEqual([
    'plan',
    'prepare',
    'precopy',
    'standby',
    'checkpoint',
    'restore',
    'commit',
    'cutover',
    'cleanup',
  ]);
  expect(anonymous(clusters.home.writes()).toSorted()).toEqual(
    [
      `POST ${pods}/kubectl-migrate-ID-source`,
      `POST ${pods}/kubectl-migrate-ID-target`,
      'POST /api/v1/namespaces/demo/serviceaccounts/default/token',
      `DELETE ${pods}/web-0`,
      `POST ${pods}/web-0`,
      `DELETE ${pods}/kubectl-migrate-ID-source`,
      `DELETE ${pods}/kubectl-migrate-ID-target`,
    ].toSorted(),
  );
  expect(clusters.peer.writes()).toEqual([
    `POST ${secrets}/web-0-token`,
    `POST ${shadowPods}/web-0`,
    `PATCH ${shadowPods}/web-0`,
    `PATCH ${secrets}/web-0-token`,
    `PATCH ${shadowPods}/web-0`,
  ]);
});

test('what is written is what the steps say that they write, and what is taken back is what they say of that', async () => {
  const requests = (writes: readonly Write[]): string[] =>
    writes
      .filter((write) => !write.isOfLeftover)
      .map((write) => `${{ create: 'POST', patch: 'PATCH', delete: 'DELETE' }[write.verb]} ${objectPath(write)}`)
      .toSorted();
  const written = (): string[] => [...clusters.home.writes(), ...clusters.peer.writes()];
  const draft = await makePlan(clusters.request, 'ID', never);
  await migrate(clusters.request, onEvent, never);
  expect(anonymous(written()).toSorted()).toEqual(requests(writesOf(draft)));

  await clusters.close();
  clusters = await startClusters();
  clusters.calls.source['source.checkpoint'] = async () => Promise.reject(new Error('CRIU failed'));
  events = [];
  await expect(migrate(clusters.request, onEvent, never)).rejects.toThrow('CRIU failed');
  const back = anonymous(written().filter((line) => line.startsWith('DELETE')));
  expect(back.toSorted()).toEqual(requests(undoingWrites(draft)));
});

test('a plan is plain JSON, and moves a pod after a way through text', async () => {
  const { connection } = clusters.request;
  const made = requireUnblocked(await makePlan(clusters.request, 'cafe0000', never));
  const read = JSON.parse(JSON.stringify(made)) as UnblockedPlan;
  expect(read).toEqual(made);
  const timeline = new TimelineRecorder(onEvent);
  const runner = new StepRunner(onEvent, timeline, never);
  const report = await carryOut(read, begin(read, connection), { runner, timeline });
  expect(report).toMatchObject({ pod: 'web-0', to: 'away', node: 'away-1', notes: [] });
  expect(clusters.home.objects.get(`${pods}/web-0`)).toMatchObject({ spec: { nodeName: 'away' }, status: { phase: 'Running' } });
});

test('what a plan says that it carries is what the agents are told to', async () => {
  const told: unknown[] = [];
  const { source, target } = clusters.calls;
  const [inspect, wait] = [source['source.inspect'], target['target.await']];
  source['source.inspect'] = async (params) => (told.push(params), (await inspect?.(params)) as Inspection);
  target['target.await'] = async (params) => (told.push(params), (await wait?.(params)) ?? null);
  const { carries } = await plan(clusters.request, never);
  await migrate(clusters.request, onEvent, never);
  expect(carries.filter((one) => one.startsWith('emptyDir'))).toEqual(['emptyDir data']);
  expect(told).toEqual([
    expect.objectContaining({ volumes: ['data'], projected: ['token'] }),
    expect.objectContaining({ containers: ['main'], initContainers: [] }),
  ]);
});

test('a move that fails in the frozen part is rolled back, the last things first', async () => {
  clusters.calls.source['source.checkpoint'] = async () => Promise.reject(new Error('CRIU failed'));
  await expect(migrate(clusters.request, onEvent, never)).rejects.toThrow('CRIU failed');
  expect(clusters.peer.writes().slice(3)).toEqual([`DELETE ${shadowPods}/web-0`, `DELETE ${secrets}/web-0-token`]);
  expect(anonymous(clusters.home.writes()).slice(3).toSorted()).toEqual([
    `DELETE ${pods}/kubectl-migrate-ID-source`,
    `DELETE ${pods}/kubectl-migrate-ID-target`,
  ]);
  expect(clusters.asked.slice(clusters.asked.indexOf('source.checkpoint') + 1)).toEqual([
    'source.abort',
    'target.abort',
    'target.abort',
    'source.abort',
    'cleanup',
    'cleanup',
  ]);
  expect(clusters.home.objects.get(`${pods}/web-0`)?.metadata.uid).toBe('u');
  expect([...clusters.peer.objects.keys()].filter((path) => path.includes('web-0'))).toEqual([]);
});
