import { expect, vi } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { startCollector } from '../../bed/collector.ts';
import type { Container, Pod } from '../../src/kube/types.ts';
import { faultsIn, streamOf, type Expected } from '../ticks/one-copy.ts';
import { tickOf, type Tick } from '../ticks/tick.ts';
import { mustKubectl, type Side } from './cluster.ts';
import { containerOf } from './pods.ts';

export interface Beacon {
  readonly megabytes?: number;
  readonly periodMs?: number;
  /** The first process of the container never sleeps, and so takes longer to die than its child. */
  readonly isBusy?: boolean;
}

/** What beacons in both clusters tell; it outlives their pods and logs. */
export interface Ticks {
  /** A container that is heard here: its first process and a child. The first one prints the steps of a ticker, too. */
  readonly beacon: (name: string, beacon?: Beacon, extra?: Partial<Container>) => Container;
  /** All ticks of the pods of that name, in the order of their arrival. @throws Error when the collector has lost some */
  readonly of: (pod: string) => readonly Tick[];
  /** The pods that were heard. */
  readonly pods: () => string[];
  /** Forgets all until now, or those of a copy that a test has made itself. */
  readonly forget: (pod: string, address?: string) => void;
  readonly stop: () => Promise<void>;
}

/** Listens to beacons from now on. One collector is enough for all pods of a file of tests. */
export async function collectTicks(): Promise<Ticks> {
  const heard = new Map<string, Tick[]>();
  const failures: unknown[] = [];
  const collector = await startCollector(
    (datagram) => {
      try {
        const tick = tickOf(datagram);
        const known = heard.get(tick.pod) ?? [];
        known.push(tick);
        heard.set(tick.pod, known);
      } catch (error) {
        failures.push(error);
      }
    },
    (count) => failures.push(new Error(`the collector has lost ${count} ticks`)),
  );
  return {
    beacon: (name, { megabytes = 4, periodMs = 10, isBusy = false } = {}, extra = {}) => {
      const where = [collector.address, String(collector.port), name];
      return containerOf(name, ['beacon', String(megabytes), String(periodMs), ...where, ...(isBusy ? ['busy'] : [])], extra);
    },
    of: (pod) => {
      if (failures.length > 0) throw failures[0];
      return [...(heard.get(pod) ?? [])];
    },
    pods: () => [...heard.keys()],
    forget: (pod, address) =>
      void heard.set(pod, address === undefined ? [] : (heard.get(pod) ?? []).filter((tick) => tick.address !== address)),
    stop: collector.stop,
  };
}

/** The pod goes on ticking, with all its processes, at the last of these sides, and has been one copy with its memory all the time. */
export async function expectOneCopy(ticks: Ticks, pod: string, expected: Expected): Promise<void> {
  const side = expected.sides.at(-1) ?? 'home';
  const sinceMs = Date.now();
  const silent = (): string[] => silentSince(ticks.of(pod), side, sinceMs);
  await vi.waitFor(() => expect(silent()).toEqual([]), { timeout: 20_000, interval: 50 }).catch(() => undefined);
  expect([...faultsIn(ticks.of(pod), expected), ...silent()]).toEqual([]);
}

function silentSince(ticks: readonly Tick[], side: Side, sinceMs: number): string[] {
  const streams = [...Map.groupBy(ticks, streamOf)];
  return streams
    .filter(([, ones]) => ones.filter((tick) => tick.side === side && tick.receivedMs > sinceMs).length < 3)
    .map(([stream]) => `${stream} does not tick at ${side} any more`);
}

/**
 * Shows that a second copy would be seen: starts the same containers from nothing at the peer, under the same name, hears them
 * beside those of the pod at home, and takes them away again.
 */
export async function provesFreshStartIsSeen(ticks: Ticks, { metadata: { name }, spec }: Pod): Promise<void> {
  const containers = spec.containers
    .filter(({ command }) => command?.[0] === 'beacon')
    .map(({ name: container, command = [] }) => containerOf(container, command));
  const copy: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'demo' },
    spec: { terminationGracePeriodSeconds: 1, containers },
  };
  const heard = (side: Side): Tick[] => ticks.of(name).filter((tick) => tick.side === side);
  const untilAllHeard = async (side: Side, andThen: () => void): Promise<void> =>
    vi.waitFor(
      () => {
        expect(new Set(heard(side).map(streamOf)).size).toBe(2 * containers.length);
        andThen();
      },
      { timeout: 60_000, interval: 100 },
    );
  await untilAllHeard('home', () => undefined);
  await mustIn(['kubectl', '--context', 'away', 'create', '-f', '-'], { input: JSON.stringify(copy) });
  try {
    await untilAllHeard('away', () => {
      const faults = faultsIn(ticks.of(name), { sides: ['home'] });
      expect(faults).toContainEqual(expect.stringContaining('two copies at once'));
      expect(faults).toContainEqual(expect.stringContaining('started afresh at away'));
    });
  } finally {
    await mustKubectl('away', 'delete', 'pod', name, '--grace-period=1', '--wait', '--timeout=60s');
    for (const { address } of heard('away')) ticks.forget(name, address);
  }
}
