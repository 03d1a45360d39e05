import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheRoot } from '../../build/cache.ts';
import { must, run } from '../../build/run.ts';
import { buildAgentImage } from '../../image/agent-image.ts';

let scratch: string;
let root: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'agent-image-test-'));
  root = join(scratch, 'root');
  await mkdir(root);
  await unpack(await buildAgentImage(), root);
});

afterAll(async () => rm(scratch, { recursive: true, force: true }));

test('the same input gives the same bytes, whatever is in the cache', async () => {
  const archive = await buildAgentImage();
  const cache = join(scratch, 'cache');
  await mkdir(cache);
  // The file trees of Debian packages are an input, and so is CRIU, which takes minutes.
  for (const name of (await readdir(cacheRoot)).filter((one) => /^(?:tree|source|criu)-/.test(one)))
    await symlink(join(cacheRoot, name), join(cache, name));
  const again = await must([process.execPath, join(import.meta.dirname, '../../image/main.ts')], { env: { KUBECTL_MIGRATE_CACHE: cache } });
  expect(again.trim().startsWith(cache)).toBe(true);
  expect(await digestOf(again.trim())).toBe(await digestOf(archive));
});

test('the agent and its tools run in a root that has nothing but the image', async () => {
  const inside = async (...command: readonly string[]): Promise<string> => (await must(['chroot', root, ...command])).trim();
  const tools = '/var/lib/kubectl-migrate/tools/bin';
  expect(await inside('/agent/bin/node', '-p', '1 + 1')).toBe('2');
  expect((await run(['chroot', root, '/agent/bin/node', '/agent/agent.mjs'])).stderr).toContain('usage: agent');
  expect(await inside(`${tools}/criu`, '--version')).toMatch(/^Version: 4\./);
  expect(await inside(`${tools}/tar`, '--version')).toContain('GNU tar');
  // As CRIU calls it: GNU tar by itself would look for a shell and gzip, and here is neither.
  expect(await inside(`${tools}/../criu/tar`, '--create', '--gzip', '--directory', '/agent/licenses', '.')).toMatch(/^\.\/\0/);
  expect((await run(['chroot', root, '/agent/host-exec'])).stderr).toContain('usage: host-exec');
  for (const name of ['pack-tree', 'unpack-tree'])
    expect((await run(['chroot', root, `${tools}/${name}`])).stderr).toContain(`usage: ${name}`);
  expect((await run(['chroot', root, '/agent/noop'])).code).toBe(0);
});

test('the licences of what is in it are, too', async () => {
  const licences = join(root, 'agent/licenses');
  expect(await readFile(join(licences, 'criu'), 'utf8')).toContain('GNU GENERAL PUBLIC LICENSE');
  expect(await readdir(licences)).toEqual(expect.arrayContaining(['libc6', 'libnl-3-200', 'node', 'tar']));
});

test('nothing in it is a shell', async () => {
  const programs = [...(await readdir(join(root, 'agent/bin'))), ...(await readdir(join(root, 'var/lib/kubectl-migrate/tools/bin')))];
  expect(programs).toContain('criu');
  expect(programs.filter((name) => /^(?:(?:ba|da|z|k|c)?sh|busybox)$/.test(name))).toEqual([]);
});

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function unpack(archive: string, to: string): Promise<void> {
  const layout = join(scratch, 'layout');
  await mkdir(layout);
  await must(['tar', '-xf', archive, '-C', layout]);
  const blob = async (digest: string): Promise<{ layers: { digest: string }[] }> =>
    JSON.parse(await readFile(fileOf(digest), 'utf8')) as { layers: { digest: string }[] };
  const fileOf = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const { layers } = await blob(index.manifests[0]?.digest ?? '');
  for (const { digest } of layers) await must(['tar', '-xf', fileOf(digest), '-C', to]);
}
