import type { Inspection, NodeFacts } from '../protocol/agent-calls.ts';
import { finding, when, type Finding } from './finding.ts';

/** One of the two nodes of a move, as its agent tells of it. */
export interface MoveNode {
  readonly name: string;
  readonly facts: NodeFacts;
}

/** CRIU's images of memory are a little more than the memory. */
const imageFactor = 1.1;

/**
 * Whether both nodes have room for what is staged on their disks, and the target's for the pod's memory, above what their
 * kubelets keep free: below that these evict pods, frozen ones and other people's.
 */
export function roomFindings(
  source: MoveNode,
  target: MoveNode,
  { memoryBytes, fileBytes }: Pick<Inspection, 'memoryBytes' | 'fileBytes'>,
): Finding[] {
  const needed = memoryBytes * imageFactor + fileBytes;
  const disks = [source, target].flatMap(({ name, facts: { room } }) =>
    when(
      room.diskFreeBytes - room.diskKeptBytes < needed,
      'KM-SPACE',
      { kind: 'node', name },
      `node ${name} has ${gigabytes(room.diskFreeBytes)} of disk free, of which its kubelet keeps ${gigabytes(room.diskKeptBytes)}, and ${gigabytes(needed)} are needed there`,
      'free some space, or use another node',
    ),
  );
  const { memoryFreeBytes, memoryKeptBytes } = target.facts.room;
  return [
    ...disks,
    ...when(
      memoryFreeBytes - memoryKeptBytes < memoryBytes,
      'KM-MEMORY',
      { kind: 'node', name: target.name },
      `node ${target.name} has ${gigabytes(memoryFreeBytes)} of memory available, of which its kubelet keeps ${gigabytes(memoryKeptBytes)}, and the pod has ${gigabytes(memoryBytes)}`,
      'free some memory there, or use another node',
    ),
  ];
}

/** What a LimitRange has done to the helper on a node, and what its agent could do about it. */
export function helperLimitFindings({ name, facts }: MoveNode): Finding[] {
  const { lifted, left } = facts.helperLimits;
  const on = { kind: 'node', name } as const;
  return [
    ...(left.length === 0
      ? []
      : [
          finding(
            'KM-HELPER-LIMITED',
            on,
            `the helper pod on node ${name} is held back by limits (LimitRange) that its agent cannot lift: ${left.join(', ')}`,
            'change the LimitRange of the namespace, there and at the peer',
          ),
        ]),
    ...when(
      lifted.length > 0,
      'KM-HELPER-LIMITS-LIFTED',
      on,
      `the limits of the helper pod on node ${name} (${lifted.join(', ')}): they were lifted for as long as it lived`,
    ),
  ];
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
