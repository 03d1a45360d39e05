import { setTimeout as delay } from 'node:timers/promises';
import { mustIn } from '../../bed/bed.ts';
import { nodeNamed } from '../../bed/layout.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import { deletePod, mustKubectl, mustMigrate, startMigration, startPod } from '../e2e/cluster.ts';
import { breakRelay } from '../e2e/faults.ts';
import { podOf } from '../e2e/pods.ts';
import type { Counts } from './client.ts';
import { followAddress, ofNode, ofPod, serviceAddress, startClient, untilAnswers, type Client, type Place } from './places.ts';

const port = 8080;

export interface MoveUnderLoad {
  readonly report: MigrationReport;
  /** What the clients at each place counted. */
  readonly counts: Readonly<Record<string, Counts>>;
}

/**
 * Moves a pod with an ordinary Service while clients ask it: by that Service from its node, from a pod there and from another node,
 * by the Service that Liqo keeps at the peer, and by the pod's own address, for which its object at home is watched.
 *
 * @param otherNode see `ofOtherNode`
 */
export async function moveUnderLoad(
  name: string,
  otherNode: Place,
  move = async (): Promise<MigrationReport> => mustMigrate(name),
): Promise<MoveUnderLoad> {
  const clients: Client[] = [];
  const asker = `${name}-asker`;
  try {
    const [pod, other] = await Promise.all([startPod(podOf(name, ['web', String(port)])), startPod(podOf(asker, ['sleep', '3600']))]);
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `${name}-service`, namespace: 'demo' },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: port }] },
    };
    await mustIn(['kubectl', 'apply', '-f', '-'], { input: JSON.stringify(service) });
    const inPod = await ofPod('pod', nodeNamed('home-1'), other.status?.podIP ?? '');
    const atPeer = ofNode('away-2');
    const home = await serviceAddress('home', service.metadata.name);
    await untilAnswers(otherNode, home, 80);
    const peer = await serviceAddress('away', service.metadata.name);
    await untilAnswers(atPeer, peer, 80);
    await untilAnswers(inPod, home, 80);
    for (const place of [ofNode('home-1'), inPod, otherNode]) clients.push(startClient(place, home, 80));
    clients.push(startClient({ ...atPeer, name: 'peer' }, peer, 80));
    const byAddress = startClient({ ...inPod, name: 'address' }, pod.status?.podIP ?? '', port);
    clients.push(byAddress);
    const stopFollowing = await followAddress(name, byAddress.turnTo);
    await delay(3_000);
    const report = await move();
    await delay(4_000);
    stopFollowing();
    const counts = await Promise.all(clients.map(async ({ place, end }) => [place.name, await end()] as const));
    return { report, counts: Object.fromEntries(counts) };
  } finally {
    await Promise.all([
      deletePod(name),
      deletePod(asker),
      mustKubectl('home', 'delete', 'service', `${name}-service`, '--ignore-not-found'),
    ]);
  }
}

/** Moves a pod whose clients nobody leads on. */
export async function migrateWithoutRelay(name: string): Promise<MigrationReport> {
  const migration = await startMigration(name, '-o', 'json');
  await migration.sees('standby ...');
  await breakRelay();
  const { code, stdout, stderr } = await migration.result;
  if (code !== 0) throw new Error(`kubectl migrate ${name} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout) as MigrationReport;
}

/**
 * What clients met with that they need not have: any request that hung, any second program, and more failures than a move has reasons for.
 * Those are connections that the frozen pod had: the kept ones, once when its processes are ended and perhaps once when they are led on no
 * more, and requests under way. A Service without an endpoint that is ready refuses, which a client learns at once.
 */
export function troublesIn({ counts }: MoveUnderLoad): string[] {
  const cut: Readonly<Record<string, number>> = { fresh: 3, kept: 4, slow: 15 };
  const refused = new Set(['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH']);
  const all = Object.entries(counts).flatMap(([place, kinds]) => Object.entries(kinds).map(([kind, count]) => ({ place, kind, count })));
  const births = new Set(all.flatMap(({ count }) => count.births));
  return [
    ...all.filter(({ count }) => count.hangs > 0).map(({ place, kind, count }) => `${place}: ${count.hangs} ${kind} requests hung`),
    ...all.flatMap(({ place, kind, count }) => {
      const failed = Object.entries(count.failed)
        .filter(([code]) => !refused.has(code))
        .reduce((sum, [, times]) => sum + times, 0);
      return failed > (cut[kind] ?? 0) ? [`${place}: ${kind} requests failed: ${JSON.stringify(count.failed)}`] : [];
    }),
    ...(births.size === 1 ? [] : [`${births.size} programs answered`]),
  ];
}

/** One line for each place. */
export function tableOf({ counts }: MoveUnderLoad): string {
  const cell = (kind: string, { asked, failed, hangs, longestMs, silenceMs }: Counts[string] & object): string =>
    `${kind} ${asked} asked, failed ${JSON.stringify(failed)}, ${hangs} hung, longest ${longestMs} ms, silence ${silenceMs} ms`;
  return Object.entries(counts)
    .map(
      ([place, kinds]) =>
        `${place.padEnd(12)}${Object.entries(kinds)
          .map(([kind, count]) => cell(kind, count))
          .join('; ')}\n`,
    )
    .join('');
}
