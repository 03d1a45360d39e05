import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { finding } from '../../src/preflight/finding.ts';
import type { Inspection } from '../../src/protocol/agent-calls.ts';
import { checkedInspection } from '../../src/protocol/checked-inspection.ts';

const inspection: Inspection = {
  facts: {
    architecture: 'x64',
    kernel: '6.18',
    cgroupVersion: 1,
    cpuFlags: ['avx2'],
    runtime: '/usr/sbin/runc',
    runtimeVersion: 'runc version 1.3.6',
    room: { diskFreeBytes: 2e9, diskKeptBytes: 1e9, memoryFreeBytes: 2e9, memoryKeptBytes: 1e9 },
    helperLimits: { lifted: [], left: [] },
  },
  memoryBytes: 1,
  fileBytes: 2,
  dirtyBytes: 1,
  findings: [finding('KM-TRACED', { kind: 'container', name: 'main' }, 'process 7 is being traced', 'end strace')],
};

test('an inspection comes over as it is', () => {
  expect(checkedInspection(JSON.parse(JSON.stringify(inspection)))).toEqual(inspection);
});

describe('what a node may not tell', () => {
  const with_ = (fields: object): unknown => ({ ...inspection, findings: [{ ...inspection.findings[0], ...fields }] });
  const cases: readonly [string, unknown][] = [
    ['nothing', null],
    ['findings that are none', { ...inspection, findings: 'none' }],
    ['a code that this version does not know', with_({ code: 'KM-QUANTUM' })],
    ['a code that every object has', with_({ code: 'constructor' })],
    ['no sentence', with_({ text: undefined })],
    ['no subject', with_({ on: undefined })],
    ['a subject of no kind', with_({ on: { kind: 'planet', name: 'x' } })],
    ['an amount that is none', { ...inspection, memoryBytes: -1 }],
    ['room that is none', { ...inspection, facts: { ...inspection.facts, room: { diskFreeBytes: 'much' } } }],
    ['limits that are none', { ...inspection, facts: { ...inspection.facts, helperLimits: { lifted: [1], left: [] } } }],
    ['another version of cgroups', { ...inspection, facts: { ...inspection.facts, cgroupVersion: 3 } }],
  ];
  test.each(cases)('%s', (_what, told) => expect(() => checkedInspection(told)).toThrow(/agent/));
});

test('a blocker stays one, whatever effect the node gives it', () => {
  const [checked] = checkedInspection({ ...inspection, findings: [{ ...inspection.findings[0], effect: 'changes' }] }).findings;
  expect(checked?.effect).toBe('blocks');
});

test('whatever comes is refused or made of known fields alone', () => {
  fc.assert(
    fc.property(fc.anything(), fc.array(fc.anything()), (facts, findings) => {
      let checked: Inspection;
      try {
        checked = checkedInspection({ ...inspection, facts: facts ?? inspection.facts, findings });
      } catch (error) {
        expect(String(error)).toContain('agent');
        return;
      }
      expect(Object.keys(checked)).toEqual(Object.keys(inspection));
    }),
  );
});
