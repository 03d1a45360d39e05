import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Receiver } from '../../src/agent/target/receiver.ts';
import { wholePod } from '../../src/protocol/frames.ts';

let folder: string;
let receiver: Receiver;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receiver-'));
  receiver = new Receiver(folder, ['app', 'side']);
});

afterEach(async () => {
  receiver.close();
  await rm(folder, { recursive: true });
});

const pages = Buffer.from('pages of memory');

function receive(file: number, container: string, name: string): void {
  receiver.onMessage({ type: 'open', file, container, kind: container === wholePod ? 'tree' : 'image', name });
  receiver.onData(file, pages.subarray(0, 5));
  receiver.onData(file, pages.subarray(5));
}

function end(file: number, damage: { size?: number; crc32?: number } = {}): void {
  receiver.onMessage({ type: 'close', file, size: pages.length, crc32: crc32(pages), ...damage });
}

test('files lie where the restore looks for them, whole', async () => {
  receive(0, 'app', 'pages-1.img');
  receive(1, wholePod, 'last.shm.tar');
  end(1);
  end(0);
  receiver.onMessage({ type: 'checkpointed', container: 'app' });
  receiver.onMessage({ type: 'complete', files: 2, bytes: 2 * pages.length });
  expect(await readFile(join(folder, 'images-app/pages-1.img'))).toEqual(pages);
  expect(await readFile(join(folder, 'trees/last.shm.tar'))).toEqual(pages);
  expect(await readdir(join(folder, 'images-side'))).toEqual([]);
});

test('what comes to warm up the link leaves nothing, whatever its name', async () => {
  receiver.onMessage({ type: 'open', file: 0, container: wholePod, kind: 'warm-up', name: 'decision' });
  receiver.onData(0, pages);
  end(0);
  receiver.onMessage({ type: 'complete', files: 1, bytes: pages.length });
  expect(await readdir(folder)).toEqual(expect.not.arrayContaining(['decision', 'warm-up']));
});

test.each([
  ['a byte was lost', { size: pages.length - 1 }],
  ['a byte was changed', { crc32: crc32('other') }],
])('a file is refused when %s', (_what, damage) => {
  receive(0, 'app', 'core-1.img');
  expect(() => end(0, damage)).toThrow(/app\/core-1.img came damaged/);
});

test('a container is not restored from images of which some are still to come', () => {
  receive(0, 'app', 'pages-1.img');
  expect(() => receiver.onMessage({ type: 'checkpointed', container: 'app' })).toThrow(/app\/pages-1.img is not complete/);
});

test('a restore begins without the pages, but with nothing else missing', () => {
  receive(0, 'app', 'pages-1.img');
  receive(1, 'app', 'core-1.img');
  expect(() => receiver.onMessage({ type: 'restorable', container: 'app' })).toThrow(/app\/core-1.img is not complete/);
  end(1);
  expect(() => receiver.onMessage({ type: 'restorable', container: 'app' })).not.toThrow();
});

test('a container is not restored before the files of its pod are there', () => {
  receive(0, 'app', 'pages-1.img');
  receive(1, wholePod, 'last.shm.tar');
  end(0);
  expect(() => receiver.onMessage({ type: 'checkpointed', container: 'app' })).toThrow(/not complete/);
});

test('the whole is not complete while a file or a byte is missing', () => {
  receive(0, 'app', 'pages-1.img');
  end(0);
  expect(() => receiver.onMessage({ type: 'complete', files: 2, bytes: pages.length })).toThrow(/1 of 2 files/);
  expect(() => receiver.onMessage({ type: 'complete', files: 1, bytes: pages.length + 1 })).toThrow(/15 of 16 bytes/);
});

test('what the other node may not do is refused', () => {
  expect(() => receive(0, 'stranger', 'pages-1.img')).toThrow(/unknown container/);
  expect(() => receive(1, 'app', 'pages-1.img')).toThrow(/order/);
  expect(() => receiver.onData(7, pages)).toThrow(/not opened/);
  receive(0, 'app', 'pages-1.img');
  expect(() => receive(1, 'app', 'pages-1.img')).toThrow(/EEXIST/);
  expect(() => receiver.onMessage({ type: 'checkpointed', container: 'stranger' })).toThrow(/unknown container/);
});
