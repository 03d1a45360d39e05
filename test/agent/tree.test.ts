import { describe, expect, test } from 'vitest';
import { changesBetween, type TreeEntry } from '../../src/agent/files/tree.ts';

const second = 1_000_000_000n;
const taken = 1_000n * second;

function entry(stamp: string, extra: Partial<TreeEntry> = {}): TreeEntry {
  return { kind: 'file', inode: 1n, bytes: 1, stamp, changedNs: 10n * second, ...extra };
}

const changes = (
  before: Record<string, TreeEntry>,
  now: Record<string, TreeEntry>,
  mapped: bigint[] = [],
): ReturnType<typeof changesBetween> =>
  changesBetween(new Map(Object.entries(before)), new Map(Object.entries(now)), taken, new Set(mapped));

describe('what has to travel again', () => {
  test('nothing, when nothing has changed', () => {
    expect(changes({ a: entry('1') }, { a: entry('1') })).toEqual({ changed: [], removed: [] });
  });
  test('a file that changed, and it takes the place of whatever is there', () => {
    expect(changes({ a: entry('1') }, { a: entry('2') })).toEqual({ changed: ['a'], removed: ['a'] });
  });
  test('a new folder, without removing what is in its place', () => {
    expect(changes({}, { d: entry('1', { kind: 'folder' }) })).toEqual({ changed: ['d'], removed: [] });
  });
  test('a file that is gone is removed', () => {
    expect(changes({ a: entry('1') }, {})).toEqual({ changed: [], removed: ['a'] });
  });
  test('a deletion in an overlay removes what the image has there', () => {
    expect(changes({}, { w: entry('1', { kind: 'deleted' }) })).toEqual({ changed: [], removed: ['w'] });
  });
  test('a file that changed just before the first look, as a later write could carry the same time', () => {
    const racy = entry('1', { changedNs: taken - second });
    expect(changes({ a: racy }, { a: racy }).changed).toEqual(['a']);
  });
  test('a file that a process has mapped writable, whatever its time stamps say', () => {
    const mapped = entry('1', { inode: 77n });
    expect(changes({ a: mapped }, { a: mapped }, [77n]).changed).toEqual(['a']);
  });
  test('never a socket: CRIU makes it again', () => {
    expect(changes({}, { s: entry('1', { kind: 'socket' }) })).toEqual({ changed: [], removed: [] });
  });
});
