import { describe, expect, test } from 'vitest';
import { errorOfAll, planOfAll, planTable, reportText, resultOfAll, type BatchReport } from '../../src/cli/batch-report.ts';
import { errorText } from '../../src/cli/error-text.ts';
import type { PlannedPod, PodOutcome } from '../../src/migration/batch.ts';
import type { MigrationReport, PlanReport } from '../../src/migration/contract.ts';
import { finding } from '../../src/preflight/finding.ts';

const on = { kind: 'pod', name: 'x' } as const;
const hostNetwork = finding('KM-HOST-NAMESPACE', on, 'it uses the network of its node');
const notRunning = finding('KM-NOT-RUNNING', on, 'it does not run (Pending)', 'wait until all its containers run');
const connections = finding('KM-CONNECTIONS', on, 'connections to the outside: their peers get a reset');
const logs = finding('KM-LOGS', on, 'what it has logged');

function plan(pod: string, findings: PlanReport['findings'], from = 'home-1'): PlanReport {
  const budget = { ms: 18_900, by: 'the liveness probe' };
  return { pod, namespace: 'demo', from, to: 'away', twinNamespace: 'demo', containers: ['main'], budget, carries: [], findings };
}

const batch = { namespace: 'demo', to: 'away', leftOut: [{ what: 'pod/web-9', why: 'is being deleted' }] };
const movable: readonly PlannedPod[] = [
  { decision: 'move', ...plan('web-1', [connections]) },
  { decision: 'move', ...plan('web-0', [connections, logs]) },
  { decision: 'skip', ...plan('web-2', [], 'away') },
  { decision: 'finish', pod: 'web-3', namespace: 'demo' },
];
const blocked: readonly PlannedPod[] = [...movable, { decision: 'refuse', ...plan('web-4', [hostNetwork, notRunning]) }];

const moved: PodOutcome = {
  outcome: 'moved',
  ...({ pod: 'web-1', namespace: 'demo', to: 'away', node: 'away-2', frozenMs: 517, totalMs: 7912, bytes: 130_900_000 } as MigrationReport),
};
const finished: PodOutcome = { ...moved, pod: 'web-3', frozenMs: null };
const skipped: PodOutcome = { outcome: 'skipped', pod: 'web-2', namespace: 'demo' };
const failed: PodOutcome = { outcome: 'failed', pod: 'web-0', namespace: 'demo', message: 'criu: no space\nreally', hint: 'log: /tmp/x' };
const refused: PodOutcome = { outcome: 'refused', pod: 'web-4', namespace: 'demo', message: 'it is privileged', findings: [hostNetwork] };
const notBegun: PodOutcome = { outcome: 'not-begun', pod: 'web-5', namespace: 'demo' };
const reportOf = (...items: readonly PodOutcome[]): BatchReport => ({ ...batch, items });

describe('the plan of several pods', () => {
  test('has a row for each, and what was left out below', () => {
    expect(planTable(batch, movable, false)).toMatchInlineSnapshot(`
      "3 pods to migrate to away, one after the other:
      NAME    FROM     MAY FREEZE   PLAN
      web-1   home-1   18.9 s       move
      web-0   home-1   18.9 s       move
      web-2   away     <none>       is at away already
      web-3   <none>   <none>       what another command has begun is finished or taken back
      Left out:
        pod/web-9 is being deleted
      "
    `);
  });

  test('tells first that nothing is done when one is in the way', () => {
    expect(planTable(batch, blocked, false)).toMatchInlineSnapshot(`
      "1 of 5 pods cannot be migrated to away, so none is:
      NAME    FROM     MAY FREEZE   PLAN
      web-1   home-1   18.9 s       move
      web-0   home-1   18.9 s       move
      web-2   away     <none>       is at away already
      web-3   <none>   <none>       what another command has begun is finished or taken back
      web-4   home-1   <none>       it uses the network of its node [KM-HOST-NAMESPACE]; it does not run (Pending) [KM-NOT-RUNNING] (wait until all its containers run)
      Left out:
        pod/web-9 is being deleted
      "
    `);
  });

  test('tells how many are moved all the same', () => {
    expect(planTable(batch, blocked, true).split('\n')[0]).toBe('3 pods to migrate to away, one after the other:');
  });

  test('tells of a dry run what is lost, once, and of whom when not of all', () => {
    expect(planOfAll(batch, movable, false).text(false).split('Lost:\n')[1]).toBe(
      '  connections to the outside: their peers get a reset [KM-CONNECTIONS]\n  web-0: what it has logged [KM-LOGS]\n',
    );
  });

  test('is a list for programs, and names those that would be moved', () => {
    const { data, names } = planOfAll(batch, blocked, true);
    expect(data).toEqual({ ...batch, items: blocked });
    expect(names).toEqual(['pod/web-1', 'pod/web-0', 'pod/web-3']);
  });
});

describe('the report of several pods', () => {
  test('has a row for each, with how long it stood still or why it did not move', () => {
    expect(reportText(reportOf(skipped, moved, finished, failed, notBegun))).toMatchInlineSnapshot(`
      "2 of 4 pods migrated to away:
      NAME    OUTCOME        NODE     FROZEN      TOTAL    BYTES    WHY
      web-2   there before   <none>   <none>      <none>   <none>   <none>
      web-1   migrated       away-2   0.52 s      7.9 s    131 MB   <none>
      web-3   migrated       away-2   <unknown>   7.9 s    131 MB   <none>
      web-0   failed         <none>   <none>      <none>   <none>   criu: no space really
      web-5   not begun      <none>   <none>      <none>   <none>   <none>
      Left out:
        pod/web-9 is being deleted
      "
    `);
  });

  test('is a list for programs, and names those that have moved', () => {
    const report = reportOf(moved, skipped, failed);
    expect(resultOfAll(report)).toMatchObject({ data: report, names: ['pod/web-1'] });
    expect(resultOfAll(report).text(false)).toBe('pod/web-1 migrated\n');
    expect(resultOfAll(report).text(true)).toMatch(/^NAME +OUTCOME +NODE +FROZEN +TOTAL +BYTES +WHY\nweb-1 +migrated/);
  });

  test.each<[string, readonly PodOutcome[], boolean, string, number]>([
    [
      'nothing was touched',
      [refused, notBegun],
      false,
      'error: 0 of 2 pods migrated to away; not web-4 (refused), web-5 (not begun)\nnothing was touched; --keep-going moves those that can be moved\n',
      3,
    ],
    ['all are refused', [refused, skipped], false, 'error: 0 of 1 pod migrated to away; not web-4 (refused)\nnothing was touched\n', 3],
    [
      'one failed',
      [moved, failed, notBegun],
      false,
      'error: 1 of 3 pods migrated to away; not web-0 (failed), web-5 (not begun)\nthe same command again goes on with those that are not at away\n',
      1,
    ],
    [
      'one is in doubt',
      [moved, { ...failed, outcome: 'in-doubt' }],
      false,
      'error: 1 of 2 pods migrated to away; not web-0 (in doubt)\nlook after the pod that is in doubt first\n',
      4,
    ],
    [
      'the user stopped it',
      [moved, { ...failed, outcome: 'interrupted' }, notBegun],
      true,
      'error: stopped: 1 of 3 pods migrated to away; not web-0 (interrupted), web-5 (not begun)\nthe same command again goes on with those that are not at away\n',
      130,
    ],
  ])('ends with an error when %s', (_what, items, isStopped, text, code) => {
    const error = errorOfAll(reportOf(...items), isStopped);
    expect([errorText(error, {}), error?.exitCode]).toEqual([text, code]);
  });

  test('ends without one when all are at the peer', () => {
    expect(errorOfAll(reportOf(moved, skipped), false)).toBe(undefined);
  });
});
