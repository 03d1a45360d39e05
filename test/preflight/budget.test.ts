import { describe, expect, test } from 'vitest';
import type { Container, ContainerStatus, Pod } from '../../src/kube/types.ts';
import { freezeBudget, freezeEstimateMs, overBudget, overPatience } from '../../src/preflight/budget.ts';
import { shortestPatience } from '../../src/preflight/patience.ts';

const now = Date.parse('2026-01-01T12:00:00Z');

function ago(seconds: number): string {
  return new Date(now - seconds * 1000).toISOString();
}

/** A pod whose containers have run for an hour. */
function pod(containers: readonly Partial<Container>[], status: Partial<ContainerStatus> = {}, spec: Partial<Pod['spec']> = {}): Pod {
  const named = containers.map((container, index) => ({ name: `c${index}`, ...container }));
  const running = { state: { running: { startedAt: ago(3600) } }, started: true, ...status };
  return {
    metadata: { name: 'web-0', namespace: 'demo' },
    spec: { containers: named, ...spec },
    status: { phase: 'Running', startTime: ago(3600), containerStatuses: named.map(({ name }) => ({ name, ...running })) },
  };
}

const justStarted = (seconds: number): Partial<ContainerStatus> => ({ started: false, state: { running: { startedAt: ago(seconds) } } });

describe("the kubelet's patience, in seconds", () => {
  const httpGet = {};
  const cases: readonly [string, Pod, number | undefined][] = [
    ['none without probes', pod([{}]), undefined],
    ['the defaults: two periods of ten, and a timeout', pod([{ livenessProbe: { httpGet } }]), 21],
    ['one failure: the first probe has only to time out', pod([{ livenessProbe: { httpGet, periodSeconds: 10, failureThreshold: 1 } }]), 1],
    ['a longer timeout', pod([{ livenessProbe: { httpGet, periodSeconds: 5, failureThreshold: 2, timeoutSeconds: 4 } }]), 9],
    ['grpc as http', pod([{ livenessProbe: { grpc: {}, periodSeconds: 1, failureThreshold: 3 } }]), 3],
    ['tcp: one connection more, into the queue', pod([{ livenessProbe: { tcpSocket: {}, periodSeconds: 5, failureThreshold: 1 } }]), 6],
    ['exec does not count', pod([{ livenessProbe: { exec: {}, periodSeconds: 1, failureThreshold: 2 } }]), undefined],
    [
      'but the one that is under way, when one is enough',
      pod([{ livenessProbe: { exec: {}, failureThreshold: 1, timeoutSeconds: 2 } }]),
      2,
    ],
    ['a readiness probe does not count', pod([{ readinessProbe: { httpGet, periodSeconds: 1, failureThreshold: 1 } }]), undefined],
    ['the least patient container', pod([{ livenessProbe: { httpGet } }, { livenessProbe: { httpGet, failureThreshold: 2 } }]), 11],
    [
      'a first probe that is still to come',
      pod([{ livenessProbe: { httpGet, failureThreshold: 1, initialDelaySeconds: 60 } }], { state: { running: { startedAt: ago(40) } } }),
      21,
    ],
    [
      'a startup probe that has succeeded leaves it to liveness',
      pod([{ startupProbe: { httpGet, failureThreshold: 1 }, livenessProbe: { httpGet } }]),
      21,
    ],
    [
      'a startup probe that has not is asked alone, less what it may have failed',
      pod([{ startupProbe: { httpGet, failureThreshold: 30 }, livenessProbe: { httpGet, failureThreshold: 1 } }], justStarted(95)),
      191,
    ],
    [
      'a startup probe in its initial delay',
      pod([{ startupProbe: { httpGet, failureThreshold: 3, initialDelaySeconds: 30 } }], justStarted(5)),
      21,
    ],
    ['a startup probe at its end', pod([{ startupProbe: { httpGet, failureThreshold: 3 } }], justStarted(25)), 0],
    [
      'a startup probe by tcp, whose server may not listen yet',
      pod([{ startupProbe: { tcpSocket: {}, failureThreshold: 3 } }], justStarted(1)),
      11,
    ],
    ["the pod's own end", pod([{ livenessProbe: { httpGet } }], {}, { activeDeadlineSeconds: 3610 }), 10],
  ];
  test.each(cases)('%s', (_what, wanted, seconds) =>
    expect(shortestPatience(wanted, now)?.ms).toBe(seconds === undefined ? undefined : seconds * 1000),
  );
});

describe('the budget', () => {
  const probed = (probe: object): Pod => pod([{ livenessProbe: { httpGet: {}, ...probe } }]);
  const cases: readonly [string, Pod, number | undefined, number][] = [
    ['leaves a tenth for the way back', probed({}), undefined, 18_900],
    ['leaves a second of a short patience', probed({ periodSeconds: 5, failureThreshold: 2 }), undefined, 5_000],
    ['leaves a quarter of a very short one', probed({ failureThreshold: 1 }), undefined, 750],
    ['is two minutes when nobody minds', pod([{}]), undefined, 120_000],
    ['is two minutes when somebody has more patience', probed({ periodSeconds: 300 }), undefined, 120_000],
    ["is the user's, when that is less", probed({}), 2_000, 2_000],
    ["is the user's, when that is more", probed({}), 60_000, 60_000],
  ];
  test.each(cases)('%s', (_what, wanted, maxFreezeMs, ms) => expect(freezeBudget(wanted, { now, maxFreezeMs }).ms).toBe(ms));
  test('says what sets it', () => {
    expect(freezeBudget(probed({}), { now }).by).toBe('the liveness probe of container c0 gives it 21.0 s');
  });
});

describe('a move that would take longer is refused with its figures', () => {
  const budget = { ms: 5_000, by: 'the liveness probe of container main gives it 6.0 s' };
  test('eight gigabytes at a gigabit', () => {
    const [found, ...more] = overBudget(pod([{}]), budget, { bytes: 8e9, bytesPerSecond: 110e6 });
    expect(more).toEqual([]);
    expect(found?.code).toBe('KM-FREEZE-BUDGET');
    expect(found?.text).toBe(
      'it would stand still for about 81.5 s (8000 MB at 110 MB/s) and may for 5.0 s: the liveness probe of container main gives it 6.0 s',
    );
  });
  test('not one that fits', () => expect(overBudget(pod([{}]), budget, { bytes: 200e6, bytesPerSecond: 110e6 })).toEqual([]));
  test('a budget that no move can keep, before anybody has looked', () => {
    const [found] = overBudget(pod([{}]), { ms: 750, by: 'x' }, { bytes: 0, bytesPerSecond: 1e9 });
    expect(found?.text).toBe('it would stand still for about 800 ms and may for 750 ms: x');
  });
  test('more bytes and a slower link take longer', () => {
    const load = { bytes: 1e9, bytesPerSecond: 1e8 };
    expect(freezeEstimateMs({ ...load, bytes: 2e9 })).toBeGreaterThan(freezeEstimateMs(load));
    expect(freezeEstimateMs({ ...load, bytesPerSecond: 5e7 })).toBeGreaterThan(freezeEstimateMs(load));
  });
});

test('a user who gives more time than the kubelet does is told', () => {
  const impatient = pod([{ livenessProbe: { httpGet: {}, periodSeconds: 1 } }]);
  expect(overPatience(impatient, now, 10_000).map(({ code }) => code)).toEqual(['KM-OVER-PATIENCE']);
  expect(overPatience(impatient, now, 2_000)).toEqual([]);
  expect(overPatience(impatient, now, undefined)).toEqual([]);
  expect(overPatience(pod([{}]), now, 10_000)).toEqual([]);
});
