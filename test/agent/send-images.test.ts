import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PeerLink } from '../../src/agent/peer/link.ts';
import { sendImages, type RunningDump } from '../../src/agent/source/send-images.ts';

let folder: string;
let sent: string[];
let content: Map<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'));
  sent = [];
  content = new Map();
});

afterEach(async () => rm(folder, { recursive: true }));

/** Notes what would go over the wire. */
const link = {
  openFile: (container: string, _kind: string, name: string) => ({
    write: async (data: Buffer) => {
      const label = `${container}/${name}`;
      sent.push(label);
      content.set(label, (content.get(label) ?? '') + data.toString());
      return Promise.resolve();
    },
    end: () => sent.push(`end ${container}/${name}`),
  }),
  send: (message: { type: string; container: string }) => sent.push(`${message.type} ${message.container}`),
} as unknown as PeerLink;

async function dumpOf(container: string, finished: Promise<unknown>): Promise<RunningDump> {
  const images = join(folder, container);
  await mkdir(images);
  await writeFile(join(images, 'pages-1.img'), `pages of ${container}`);
  await writeFile(join(images, 'core-1.img'), 'draft');
  return { container, images, finished };
}

test('what grows is followed to its end, and what CRIU may rewrite is sent as it is in the end', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const dump = await dumpOf('a', promise);
  const sending = sendImages(link, [dump], Promise.resolve(), () => undefined);
  while (!content.has('a/pages-1.img')) await new Promise((next) => setTimeout(next, 1));
  await appendFile(join(dump.images, 'pages-1.img'), ', all of them');
  await writeFile(join(dump.images, 'core-1.img'), 'final');
  resolve();
  await sending;
  expect(content.get('a/pages-1.img')).toBe('pages of a, all of them');
  expect(content.get('a/core-1.img')).toBe('final');
  expect(sent.at(-1)).toBe('checkpointed a');
});

test('the containers are told to be complete in their order, and not before the files of the pod are there', async () => {
  const files = Promise.withResolvers<void>();
  const dumps = [await dumpOf('a', Promise.resolve()), await dumpOf('b', Promise.resolve())];
  const sending = sendImages(link, dumps, files.promise, () => undefined);
  while (!sent.includes('end b/pages-1.img')) await new Promise((next) => setTimeout(next, 1));
  expect(sent.filter((line) => /restorable|checkpointed/.test(line))).toEqual([]);
  files.resolve();
  await sending;
  expect(sent.filter((line) => line.startsWith('restorable')).toSorted()).toEqual(['restorable a', 'restorable b']);
  expect(sent.filter((line) => line.startsWith('checkpointed'))).toEqual(['checkpointed a', 'checkpointed b']);
  expect(sent.indexOf('end a/pages-1.img')).toBeLessThan(sent.indexOf('end b/pages-1.img'));
});

test('what a restore begins with goes before the pages that are still to be sent', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const dumps = [await dumpOf('a', Promise.resolve()), await dumpOf('b', promise)];
  const sending = sendImages(link, dumps, Promise.resolve(), () => undefined);
  while (!sent.includes('restorable a')) await new Promise((next) => setTimeout(next, 1));
  resolve();
  await sending;
  expect(sent.indexOf('end a/core-1.img')).toBeLessThan(sent.indexOf('end a/pages-1.img'));
  expect(sent.indexOf('end b/core-1.img')).toBeLessThan(sent.indexOf('end b/pages-1.img'));
});

test('a dump that fails ends it with its reason, and its container is never told to be complete', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const dumps = [await dumpOf('a', new Promise(() => undefined)), await dumpOf('b', promise)];
  const sending = sendImages(link, dumps, Promise.resolve(), () => undefined);
  reject(new Error('CRIU said no'));
  await expect(sending).rejects.toThrow('CRIU said no');
  expect(sent.filter((line) => line.startsWith('checkpointed'))).toEqual([]);
});
