import { expect, test } from 'vitest';
import { Attendance } from '../../src/agent/attendance.ts';

function at(): { attendance: Attendance; pass: (ms: number) => void } {
  let now = 1_000_000;
  return { attendance: new Attendance(() => now), pass: (ms) => void (now += ms) };
}

test('a CLI attends while it is heard, and no longer when it only keeps its connection', () => {
  const { attendance, pass } = at();
  expect(attendance.isAttended()).toBe(false);
  expect(attendance.claim('a')).toBe(true);
  pass(9_000);
  attendance.heard('a');
  pass(9_000);
  expect(attendance.isAttended()).toBe(true);
  pass(2_000);
  expect(attendance.isAttended()).toBe(false);
});

test('a CLI whose last connection is gone has a moment to open another one', () => {
  const { attendance, pass } = at();
  attendance.claim('a');
  attendance.claim('a');
  attendance.left('a');
  pass(9_000);
  expect(attendance.isAttended()).toBe(true);
  attendance.left('a');
  pass(2_000);
  expect(attendance.isAttended()).toBe(true);
  pass(2_000);
  expect(attendance.isAttended()).toBe(false);
  expect(attendance.isConnected).toBe(false);
});

test('another CLI is refused as long as the first one attends', () => {
  const { attendance, pass } = at();
  attendance.claim('a');
  expect(attendance.claim('b')).toBe(false);
  expect(attendance.claim('a')).toBe(true);
  pass(11_000);
  expect(attendance.claim('b')).toBe(true);
  // The first one wakes up, and then ends its connections: it is not the one that attends any more.
  attendance.heard('a');
  attendance.left('a');
  attendance.left('a');
  expect(attendance.claim('a')).toBe(false);
  expect(attendance.isConnected).toBe(true);
});

test('a migration is an orphan only after its CLI has been silent for long, whichever conversation it last spoke in', () => {
  const { attendance, pass } = at();
  pass(3_600_000);
  expect(attendance.isOrphaned()).toBe(false);
  attendance.claim('a');
  pass(15_000);
  attendance.claim('a'); // a second conversation, in the place of one that breaks
  attendance.left('a');
  pass(19_000);
  expect(attendance.isOrphaned()).toBe(false);
  pass(1_000);
  expect(attendance.isOrphaned()).toBe(true);
});
