import { afterAll, describe, expect, vi } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import { nodes } from '../../bed/layout.ts';
import { mustKubectl, mustMigrate } from './cluster.ts';
import { test } from './pod-test.ts';
import { podOf } from './pods.ts';
import { collectTicks, expectOneCopy, provesFreshStartIsSeen } from './ticks.ts';

const ticks = await collectTicks();
afterAll(ticks.stop);

describe.concurrent('ticks of both sides', () => {
  test.each(nodes)('a pod on $name is heard, and where it runs', async ({ name: node, cluster }) => {
    const name = `heard-${node}`;
    const pod = podOf(name, [], { containers: [ticks.beacon('main')], nodeSelector: { 'kubernetes.io/hostname': node } });
    await mustIn(['kubectl', '--context', cluster, 'create', '-f', '-'], { input: JSON.stringify(pod) });
    try {
      await vi.waitFor(() => expect(new Set(ticks.of(name).map(({ process }) => process))).toEqual(new Set(['main', 'child'])), 60_000);
      await expectOneCopy(ticks, name, { sides: [cluster] });
      expect(new Set(ticks.of(name).map((tick) => tick.node))).toEqual(new Set([node]));
    } finally {
      await mustKubectl(cluster, 'delete', 'pod', name, '--grace-period=1', '--wait=false');
    }
  });

  test('a pod that moves is one copy with its memory all the way, and a fresh start beside it would be seen', async ({ start }) => {
    const containers = [ticks.beacon('main', { megabytes: 32, periodMs: 5 }), ticks.beacon('busy', { isBusy: true, periodMs: 20 })];
    const original = await start(podOf('beacons', [], { containers }));
    await expectOneCopy(ticks, 'beacons', { sides: ['home'] });
    await provesFreshStartIsSeen(ticks, original);
    await mustMigrate('beacons');
    await expectOneCopy(ticks, 'beacons', { sides: ['home', 'away'] });
  });
});
