import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cgroupFoldersOf } from '../../bed/cgroups.ts';
import { nodes, type BedNode } from '../../bed/layout.ts';
import { mustIn } from '../../bed/bed.ts';
import { processesOf } from '../../chaos/processes.ts';
import { leftoversInTheEnd, mustKubectl, mustMigrate, startPod } from './cluster.ts';
import { onNode } from './faults.ts';
import { containerOf, podOf } from './pods.ts';
import { collectTicks, expectOneCopy } from './ticks.ts';

const moves = 50;
/** Daemons open and close files all the time; what is left of a move would be left of each of them, or of every fifth. */
const noise = { processes: 0, mounts: 0, cgroups: 0, descriptors: moves / 5, files: moves / 5 };
type Counts = Record<keyof typeof noise, number>;

const ticks = await collectTicks();
afterAll(ticks.stop);

function filesOpenIn(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0; // it has just ended
  }
}

async function countsOf(node: BedNode): Promise<Counts> {
  const processes = processesOf(node);
  const mounts = await onNode(node, 'wc -l < /proc/self/mountinfo');
  const files = await onNode(node, 'find /run /tmp /var/lib/kubelet /var/lib/cni -xdev 2>/dev/null | wc -l');
  return {
    processes: processes.length,
    mounts: Number(mounts),
    cgroups: cgroupFoldersOf(node).length,
    descriptors: processes.reduce((sum, { pid }) => sum + filesOpenIn(pid), 0),
    files: Number(files),
  };
}

async function move(pod: string): Promise<void> {
  await startPod(podOf(pod, [], { containers: [ticks.beacon('main'), ticks.beacon('other', { periodMs: 20 })] }));
  await mustMigrate(pod);
  await expectOneCopy(ticks, pod, { sides: ['home', 'away'] });
  ticks.forget(pod);
  await mustKubectl('home', 'delete', 'pod', pod, '--grace-period=1', '--wait', '--timeout=90s');
}

const busy = containerOf('main', ['sh', '-c', 'while :; do :; done']);
const loads = [
  { side: 'home', pod: podOf('load-home', [], { containers: [busy] }) },
  { side: 'away', pod: podOf('load-away', [], { containers: [busy], nodeSelector: {}, nodeName: 'away-1' }) },
] as const;

beforeAll(async () => {
  for (const { side, pod } of loads) await mustIn(['kubectl', '--context', side, 'apply', '-f', '-'], { input: JSON.stringify(pod) });
});
afterAll(async () => {
  for (const { side, pod } of loads) await mustKubectl(side, 'delete', 'pod', pod.metadata.name, '--grace-period=1', '--wait=false');
});

test('fifty pods, moved one after the other under load, leave nothing on the nodes', { timeout: 3_600_000 }, async () => {
  // What daemons open once and keep, they have by then.
  for (let i = 0; i < 3; i++) await move(`first-${i}`);
  expect(await leftoversInTheEnd()).toEqual([]);
  const before = await Promise.all(nodes.map(countsOf));
  for (let i = 0; i < moves; i++) await move(`fifty-${i}`);
  expect(await leftoversInTheEnd()).toEqual([]);
  const grown = async (): Promise<string[]> => {
    const after = await Promise.all(nodes.map(countsOf));
    return nodes.flatMap(({ name }, index) =>
      (Object.keys(noise) as (keyof Counts)[]).flatMap((what) => {
        const [from = 0, to = 0] = [before[index]?.[what], after[index]?.[what]];
        return to > from + noise[what] ? [`${name} had ${from} ${what}, and has ${to}`] : [];
      }),
    );
  };
  await vi.waitFor(async () => expect(await grown()).toEqual([]), { timeout: 60_000, interval: 1_000 });
});
