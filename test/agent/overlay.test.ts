import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { indexOf, overlayAt, type OverlayMount } from '../../src/agent/runc/overlay.ts';

/** What is told of an overlay while it is mounted with these options, after the container has changed one of two names of a file. */
async function mounted(options: string): Promise<{ at: string; mount: OverlayMount | undefined; indexed: number }> {
  const at = await mkdtemp(join(tmpdir(), 'overlay-'));
  try {
    const script = `cd ${at}; mkdir image upper work root; echo x > image/one; ln image/one image/two
      mount -t overlay overlay -o lowerdir=${at}/image,upperdir=${at}/upper,workdir=${at}/work${options} root
      echo y >> root/one; cat /proc/self/mountinfo`;
    const mount = overlayAt(await must(['unshare', '--mount', 'sh', '-euc', script]), `${at}/root`);
    const index = mount && indexOf(mount);
    return { at, mount, indexed: index !== undefined && existsSync(index) ? readdirSync(index).length : 0 };
  } finally {
    await rm(at, { recursive: true });
  }
}

test.each([
  [',index=off', 'trusted', 0],
  [',index=off,redirect_dir=on,metacopy=on', 'trusted', 0],
  [',userxattr', 'user', 0],
  [',index=on', 'trusted', 1],
] as const)('an overlay that is mounted with %s', async (options, marks, files) => {
  const { at, mount, indexed } = await mounted(options);
  expect(mount).toEqual({ upper: `${at}/upper`, work: `${at}/work`, marks });
  expect(indexed).toBe(files);
});

test('what is no overlay, or cannot be written, has no upper layer', () => {
  const lines = ['20 1 0:20 / /a rw - tmpfs none rw', '21 1 0:21 / /b ro - overlay overlay ro,lowerdir=/x:/y'].join('\n');
  expect(['/a', '/b', '/c'].map((path) => overlayAt(lines, path))).toEqual([undefined, undefined, undefined]);
});
