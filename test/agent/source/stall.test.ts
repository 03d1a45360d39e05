import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { whileGrowing } from '../../../src/agent/source/stall.ts';

const stallMs = 300;
const never = new Promise<never>(() => undefined);
let folders: readonly string[] = [];

beforeEach(() => {
  folders = ['images', 'work'].map((name) => mkdtempSync(join(tmpdir(), `stall-${name}-`)));
});
afterEach(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

test('what does not grow any more is not waited for, however much is there', async () => {
  writeFileSync(join(folders[0] ?? '', 'pages-1.img'), Buffer.alloc(100_000));
  await expect(whileGrowing(never, folders, stallMs, 'it does not go on')).rejects.toThrow('it does not go on');
});

test.each([0, 1])('what grows in folder %d goes on for as long as it takes', async (index) => {
  const file = join(folders[index] ?? '', 'dump.log');
  const work = (async (): Promise<string> => {
    for (let from = performance.now(); performance.now() - from < 3 * stallMs; await delay(10)) appendFileSync(file, 'x');
    return 'done';
  })();
  expect(await whileGrowing(work, folders, stallMs, 'it does not go on')).toBe('done');
});

test("the work's own error comes through, and nobody looks any more", async () => {
  await expect(whileGrowing(Promise.reject(new Error('its own')), folders, stallMs, 'it does not go on')).rejects.toThrow('its own');
});
