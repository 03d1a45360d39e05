import { setTimeout as delay } from 'node:timers/promises';
import { deletePod, followLogs, logs, mustKubectl, mustMigrate, startPod } from '../test/e2e/cluster.ts';
import { containerOf, podOf } from '../test/e2e/pods.ts';
import { longestGap, stepsIn } from '../test/e2e/steps.ts';
import { mustIn } from '../bed/bed.ts';
import { periodMs, type Case } from './cases.ts';

export interface Move {
  /** The longest gap between two ticks of any container of the pod, less the period. */
  readonly frozenMs: number;
  /** The longest time without an answer that a client of its Service in the home cluster saw, less its interval. */
  readonly silenceMs: number;
  readonly totalMs: number;
  readonly bytes: number;
}

const askerMs = 10;

/** Moves a pod once, with a client that keeps asking its Service. */
export async function measureMove({ containers, megabytes }: Case): Promise<Move> {
  const names = Array.from({ length: containers }, (_, index) => `c${index}`);
  const command = (index: number): string[] => ['ticker', String(megabytes), String(periodMs), '-', String(8080 + index)];
  try {
    await startPod(podOf('bench', [], { containers: names.map((name, index) => containerOf(name, command(index))) }));
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'bench', namespace: 'demo' },
      spec: { selector: { app: 'bench' }, ports: [{ port: 80, targetPort: 8080 }] },
    };
    await mustIn(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify(service) });
    const address = await mustKubectl('home', 'get', 'service', 'bench', '-o', 'jsonpath={.spec.clusterIP}');
    await startPod(podOf('asker', ['asker', address, '80']));
    const old = await Promise.all(names.map(async (name) => followLogs('bench', name)));
    await delay(2_000);
    const report = await mustMigrate('bench');
    await delay(2_000);
    await Promise.all(old.map(async ({ end }) => end));
    const gaps = await Promise.all(
      names.map(async (name, index) => {
        const last = stepsIn(old[index]?.text() ?? '').at(-1);
        const [first] = stepsIn(await logs('home', 'bench', name));
        if (!last || !first || first.number !== last.number + 1)
          throw new Error(`container ${name} lost or doubled a step: ${first?.number} after ${last?.number}`);
        return first.ms - last.ms - periodMs;
      }),
    );
    const answers = stepsIn(await logs('home', 'asker')).slice(20);
    return { frozenMs: Math.max(...gaps), silenceMs: longestGap(answers) - askerMs, totalMs: report.totalMs, bytes: report.bytes };
  } finally {
    await deletePod('bench');
    await deletePod('asker');
    await mustKubectl('home', 'delete', 'service', 'bench', '--ignore-not-found');
  }
}
