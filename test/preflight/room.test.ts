import { describe, expect, test } from 'vitest';
import { helperLimitFindings, roomFindings, type MoveNode } from '../../src/preflight/room.ts';
import type { NodeFacts } from '../../src/protocol/agent-calls.ts';

/** A node with ten gigabytes of each free, of which its kubelet keeps one. */
function node(name: string, room: Partial<NodeFacts['room']> = {}, helperLimits: Partial<NodeFacts['helperLimits']> = {}): MoveNode {
  const facts: NodeFacts = {
    architecture: 'x64',
    kernel: '6.18',
    cgroupVersion: 1,
    cpuFlags: [],
    runtime: '/usr/sbin/runc',
    runtimeVersion: 'runc version 1.3.6',
    room: { diskFreeBytes: 10e9, diskKeptBytes: 1e9, memoryFreeBytes: 10e9, memoryKeptBytes: 1e9, ...room },
    helperLimits: { lifted: [], left: [], ...helperLimits },
  };
  return { name, facts };
}

describe('room', () => {
  const cases: readonly [string, MoveNode, MoveNode, { memoryBytes: number; fileBytes: number }, readonly string[]][] = [
    ['is enough for memory, a tenth more, and files', node('s'), node('t'), { memoryBytes: 8e9, fileBytes: 0.1e9 }, []],
    ['is too little on both disks', node('s'), node('t'), { memoryBytes: 8e9, fileBytes: 0.3e9 }, ['KM-SPACE s', 'KM-SPACE t']],
    ['is too little on the target alone', node('s'), node('t', { diskKeptBytes: 9e9 }), { memoryBytes: 1e9, fileBytes: 0 }, ['KM-SPACE t']],
    [
      "is too little in the target's memory",
      node('s'),
      node('t', { memoryFreeBytes: 1.5e9 }),
      { memoryBytes: 1e9, fileBytes: 0 },
      ['KM-MEMORY t'],
    ],
    ["does not matter in the source's memory", node('s', { memoryFreeBytes: 0 }), node('t'), { memoryBytes: 1e9, fileBytes: 0 }, []],
  ];
  test.each(cases)('%s', (_what, source, target, needs, found) =>
    expect(roomFindings(source, target, needs).map(({ code, on }) => `${code} ${on.name}`)).toEqual(found),
  );
  test('is told in figures', () => {
    const [, found] = roomFindings(node('s'), node('t', { diskFreeBytes: 3e9 }), { memoryBytes: 9e9, fileBytes: 0 });
    expect(found?.text).toBe('node t has 3.0 GB of disk free, of which its kubelet keeps 1.0 GB, and 9.9 GB are needed there');
  });
});

test('limits of a helper are told when they were lifted, and in the way when they could not be', () => {
  expect(helperLimitFindings(node('s'))).toEqual([]);
  expect(helperLimitFindings(node('s', {}, { lifted: ['cpu 200m'] }))).toMatchObject([
    { code: 'KM-HELPER-LIMITS-LIFTED', effect: 'changes' },
  ]);
  expect(helperLimitFindings(node('s', {}, { left: ['cpu 200m (EACCES)'] }))).toMatchObject([
    { code: 'KM-HELPER-LIMITED', effect: 'blocks' },
  ]);
});
