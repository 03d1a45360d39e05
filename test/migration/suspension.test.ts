import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Suspension } from '../../src/migration/suspension.ts';

let suspension: Suspension;
beforeEach(() => {
  vi.useFakeTimers();
  suspension = new Suspension();
});
afterEach(() => {
  suspension.stop();
  vi.useRealTimers();
});

test('a command that was busy for a moment was not suspended', () => {
  vi.advanceTimersByTime(60_000);
  vi.setSystemTime(Date.now() + 5_000);
  expect(suspension.seconds).toBeUndefined();
});

test('one that stood still for long knows for how long, also later', () => {
  vi.advanceTimersByTime(3_000);
  vi.setSystemTime(Date.now() + 330_000);
  vi.advanceTimersByTime(20_000);
  expect(suspension.seconds).toBe(330);
});
