import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { writeCriuSource } from '../../release/criu-source.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'criu-source-'));
});

afterAll(async () => rm(folder, { recursive: true }));

test('what lies beside a release is the source that its CRIU is built from', async () => {
  const { file, sha256 } = await writeCriuSource(folder);
  expect(
    createHash('sha256')
      .update(await readFile(join(folder, file)))
      .digest('hex'),
  ).toBe(sha256);
  await must(['tar', '-xzf', file, '--strip-components=1'], { cwd: folder });
  const [upstream = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tar.xz'));
  await must(['tar', '-xJf', upstream, '--strip-components=1'], { cwd: folder });
  await must(['sh', '-c', 'cat patches/*.patch | patch -p1 --fuzz=0'], { cwd: folder });
  expect(await readFile(join(folder, 'COPYING'), 'utf8')).toContain('GNU GENERAL PUBLIC LICENSE\n\t\t       Version 2, June 1991');
}, 120_000);
