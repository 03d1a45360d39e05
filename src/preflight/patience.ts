import type { Container, ContainerStatus, Pod, Probe } from '../kube/types.ts';

/** For how long something leaves a pod alone that stands still, at the least. */
export interface Patience {
  readonly ms: number;
  /** Whose it is, as the beginning of a sentence: `the liveness probe of container main`. */
  readonly of: string;
}

/**
 * The shortest patience that anybody has with a pod that is frozen at that moment; undefined when nobody minds. Pure.
 *
 * Counted as the kubelet does (pkg/kubelet/prober/worker.go). It does not add the time in which it then ends the container,
 * preStop hook and grace period: the signal that ends it is on its way from the first of it.
 *
 * @param now ms since 1970
 */
export function shortestPatience({ spec, status }: Pod, now: number): Patience | undefined {
  const statuses = new Map((status?.containerStatuses ?? []).map((one) => [one.name, one]));
  const all = [
    ...spec.containers.flatMap((container) => containerPatience(container, statuses.get(container.name), now)),
    ...deadlinePatience(spec['activeDeadlineSeconds'], status?.startTime, now),
  ];
  return all.reduce<Patience | undefined>((least, one) => (least && least.ms <= one.ms ? least : one), undefined);
}

function containerPatience({ name, livenessProbe, startupProbe }: Container, status: ContainerStatus | undefined, now: number): Patience[] {
  const startedAt = Date.parse(status?.state?.running?.startedAt ?? '');
  const ranMs = Number.isNaN(startedAt) ? undefined : Math.max(0, now - startedAt);
  // The liveness probe is not asked before the startup probe has succeeded once.
  if (startupProbe && status?.started === false) {
    return finite({ ms: startupPatienceMs(startupProbe, ranMs), of: `the startup probe of container ${name}` });
  }
  if (!livenessProbe) return [];
  const untilFirstMs = ranMs === undefined ? 0 : Math.max(0, (livenessProbe.initialDelaySeconds ?? 0) * 1000 - ranMs);
  return finite({
    ms: untilFirstMs + probePatienceMs(livenessProbe, failuresOf(livenessProbe)),
    of: `the liveness probe of container ${name}`,
  });
}

/** What is left of a startup probe's patience: it may have failed each time so far. */
function startupPatienceMs(probe: Probe, ranMs: number | undefined): number {
  const { periodSeconds = 10, initialDelaySeconds = 0 } = probe;
  if (ranMs === undefined) return 0;
  const sinceFirstMs = ranMs - initialDelaySeconds * 1000;
  const failed = sinceFirstMs < 0 ? 0 : Math.floor(sinceFirstMs / (periodSeconds * 1000)) + 1;
  const left = Math.max(0, failuresOf(probe) - failed);
  // Its server may not listen yet, so that nothing waits in its queue.
  const { tcpSocket: _tcpSocket, ...asAny } = probe;
  return left === 0 ? 0 : probePatienceMs(probe.exec === undefined ? asAny : probe, left);
}

function failuresOf({ failureThreshold = 3 }: Probe): number {
  return failureThreshold;
}

/**
 * From the freeze to the failure after which the container is ended: the first probe may come at once, each later one comes a
 * period after the one before, and the last has to time out.
 *
 * @param failures how many in a row it takes
 */
function probePatienceMs(probe: Probe, failures: number): number {
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  // Nothing can be started in a frozen container, and that is no answer. One that is under way at the freeze times out, which is.
  if (probe.exec !== undefined) return failures === 1 ? timeoutMs : Infinity;
  // The kernel takes connections for a frozen program until the queue is full, which has room for one at the least.
  const answered = probe.tcpSocket === undefined ? 0 : 1;
  return (failures - 1 + answered) * periodMs + timeoutMs;
}

function deadlinePatience(seconds: unknown, startTime: string | undefined, now: number): Patience[] {
  if (typeof seconds !== 'number' || startTime === undefined) return [];
  return finite({ ms: Math.max(0, Date.parse(startTime) + seconds * 1000 - now), of: "the pod's activeDeadlineSeconds" });
}

function finite(patience: Patience): Patience[] {
  return Number.isFinite(patience.ms) ? [patience] : [];
}
