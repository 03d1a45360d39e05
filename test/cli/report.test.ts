import { describe, expect, test } from 'vitest';
import { errorText, exitCodeOf } from '../../src/cli/error-text.ts';
import { lastLine, planText } from '../../src/cli/report.ts';
import { MigrateError } from '../../src/errors.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { PlanReport } from '../../src/migration/contract.ts';
import { finding } from '../../src/preflight/finding.ts';
import { refusal } from '../../src/preflight/refusal.ts';
import { Terminal } from './terminal.ts';

const pod = { kind: 'pod', name: 'web-0' } as const;
const report = {
  pod: 'web-0',
  namespace: 'demo',
  from: 'home-1',
  to: 'away',
  node: 'away-2',
  frozenMs: 517,
  totalMs: 7912,
  bytes: 130_900_000,
  steps: [],
  findings: [],
  notes: [],
  timeline: { spans: [], errorMs: { source: 0, target: 0 } },
};

const plan: PlanReport = {
  pod: 'web-0',
  namespace: 'demo',
  from: 'home-1',
  to: 'away',
  twinNamespace: 'demo',
  containers: ['main', 'side'],
  budget: { ms: 18_900, by: 'the liveness probe of container main gives it 21.0 s' },
  carries: ['memory and processes', 'emptyDir data'],
  findings: [
    finding('KM-CONNECTIONS', pod, 'connections to the outside: their peers get a reset'),
    finding('KM-ADDRESS', pod, 'its IP address and its UID: it gets new ones'),
  ],
};

test('the last line tells how long the pod stood still', () => {
  const line = 'pod/web-0 migrated to away (node away-2): frozen 0.52 s, 7.9 s in all, 131 MB\n';
  expect(lastLine(report, new Terminal(false).stream)).toBe(line);
});

test('a plan is printed', () => {
  expect(planText(plan)).toMatchInlineSnapshot(`
    "pod/web-0 would be migrated to away (dry run)

    Namespace:   demo
    Containers:  main, side
    From:        node home-1
    To:          virtual node away, namespace demo there
    May freeze:  18.9 s (the liveness probe of container main gives it 21.0 s)
    Carried:
      memory and processes
      emptyDir data
    Lost:
      connections to the outside: their peers get a reset [KM-CONNECTIONS]
    Changed:
      its IP address and its UID: it gets new ones [KM-ADDRESS]
    "
  `);
});

test('what is in the way comes first', () => {
  const blockers = [
    finding('KM-HOST-NAMESPACE', pod, 'it uses the network of its node'),
    finding('KM-SIDECAR', pod, 'it has sidecars', 'make them ordinary containers'),
  ];
  expect(planText({ ...plan, from: '', findings: [...plan.findings, ...blockers] })).toMatchInlineSnapshot(`
    "pod/web-0 cannot be migrated to away (dry run)

    Namespace:   demo
    Containers:  main, side
    From:        node <none>
    To:          virtual node away, namespace demo there
    May freeze:  18.9 s (the liveness probe of container main gives it 21.0 s)
    In the way:
      it uses the network of its node [KM-HOST-NAMESPACE]
      it has sidecars [KM-SIDECAR]
        (make them ordinary containers)
    Carried:
      memory and processes
      emptyDir data
    Lost:
      connections to the outside: their peers get a reset [KM-CONNECTIONS]
    Changed:
      its IP address and its UID: it gets new ones [KM-ADDRESS]
    "
  `);
});

describe('an error', () => {
  test.each<[string, unknown, string, number]>([
    ['of usage', new MigrateError('usage', 'error: unknown flag: --x', { hint: 'See help.' }), 'error: unknown flag: --x\nSee help.\n', 2],
    ['before anything was touched', new MigrateError('refused', 'it is privileged'), 'error: it is privileged\n', 3],
    ['that was rolled back', new MigrateError('failed', 'criu: no space'), 'error: criu: no space\n', 1],
    ['that needs a person', new MigrateError('in-doubt', 'both are silent'), 'error: both are silent\n', 4],
    ['of a user who stopped it', new MigrateError('interrupted', 'stopped'), 'error: stopped\n', 130],
    [
      'of the server',
      new KubeError(404, 'NotFound', 'Error from server (NotFound): pods "x" not found'),
      'Error from server (NotFound): pods "x" not found\n',
      1,
    ],
    [
      'of the server, in a migration',
      new MigrateError('failed', 'Error from server (Forbidden): no'),
      'Error from server (Forbidden): no\n',
      1,
    ],
    [
      'of the way to it',
      new KubeError(0, 'Unreachable', 'Unable to connect to the server x: y'),
      'Unable to connect to the server x: y\n',
      1,
    ],
    [
      'of a login',
      new KubeError(401, 'Unauthorized', 'You must be logged in to the server x (Unauthorized)'),
      'error: You must be logged in to the server x (Unauthorized)\n',
      1,
    ],
    ['of a programmer', new TypeError('x is not a function'), 'error: x is not a function\n', 1],
    ['that is none', 'odd', 'error: odd\n', 1],
  ])('%s', (_what, error, text, code) => {
    expect([errorText(error, {}), exitCodeOf(error)]).toEqual([text, code]);
  });

  test('shows where it came from only to those who ask', () => {
    const error = new MigrateError('failed', 'it failed', { cause: new Error('the reason') });
    expect(errorText(error, {})).not.toContain('the reason');
    expect(errorText(error, { DEBUG: '1' })).toContain('the reason');
  });
});

test('a refusal names each reason with its code, and then what to do about each', () => {
  const error = refusal('pod demo/web-0', [
    finding('KM-OWNER', pod, 'it belongs to Job nightly', 'let it end'),
    finding('KM-VOLUME', { kind: 'volume', name: 'v' }, 'volume v is of kind hostPath', 'use an emptyDir'),
  ]);
  expect(exitCodeOf(error)).toBe(3);
  expect(errorText(error, {})).toBe(
    'error: pod demo/web-0 cannot be moved: it belongs to Job nightly [KM-OWNER]; volume v is of kind hostPath [KM-VOLUME]\n' +
      'let it end; use an emptyDir\n',
  );
});
