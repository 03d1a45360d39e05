import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bedImages } from '../../bed/images.ts';
import { nodes } from '../../bed/layout.ts';
import { insideNode, runOnNode } from '../../bed/node.ts';
import { must } from '../../build/run.ts';
import type { MigrationReport } from '../../src/migration/contract.ts';
import type { ShadowPod } from '../../src/liqo/forge-shadow-pod.ts';
import { deletePod, getPod, leftoversInTheEnd, migrate, mustKubectl, startPod } from './cluster.ts';
import { podOf } from './pods.ts';
import { collectTicks } from './ticks.ts';
import { expectRunsOn } from './untouched.ts';

/** What each cluster's registry has: the same name and tag, and another image under it. */
const image = 'localhost:5000/team/app:1';
let scratch: string;
let ours: string;
let other: string;
const registries: ChildProcess[] = [];

const folderOf = (cluster: string): string => join(scratch, cluster);
const blobOf = (folder: string, digest: string): string => join(folder, 'blobs', digest.replace(':', '/'));

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'registries-'));
  await mkdir(join(folderOf('home'), 'tags'), { recursive: true });
  const archive = (await bedImages())[1] ?? '';
  await must(['tar', '-xf', archive, '-C', folderOf('home')]);
  const index = JSON.parse(await readFile(join(folderOf('home'), 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  // Neither is the workloads' own image: taken away under one of its names, containerd's CRI forgets it under the other.
  const base = index.manifests[0]?.digest ?? '';
  ours = await variantOf(base, 'we', folderOf('home'));
  other = await variantOf(base, 'somebody else', folderOf('home'));
  await cp(folderOf('home'), folderOf('away'), { recursive: true });
  await tag('home', ours);
  for (const node of nodes) {
    const [enter = '', process_ = ''] = await insideNode(node);
    const registry = spawn(
      enter,
      [process_, '--net', '--', process.execPath, join(import.meta.dirname, 'registry.ts'), folderOf(node.cluster)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    registries.push(registry);
    await once(registry.stdout, 'data');
  }
});

afterEach(async () => {
  await deletePod('pulled');
  for (const node of nodes)
    await runOnNode(node, ['sh', '-c', 'ctr -n k8s.io images rm --sync $(ctr -n k8s.io images ls -q | grep ^localhost:5000/)']);
});

afterAll(async () => {
  for (const registry of registries) registry.kill();
  await rm(scratch, { recursive: true, force: true });
});

async function tag(cluster: string, digest: string): Promise<void> {
  await writeFile(join(folderOf(cluster), 'tags/1'), digest);
}

/** The same layers with another configuration. @returns its digest */
async function variantOf(base: string, author: string, folder: string): Promise<string> {
  const put = async (value: unknown): Promise<{ digest: string; size: number }> => {
    const content = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    await writeFile(blobOf(folder, digest), content);
    return { digest, size: content.length };
  };
  const manifest = JSON.parse(await readFile(blobOf(folder, base), 'utf8')) as { config: { digest: string } };
  const config = JSON.parse(await readFile(blobOf(folder, manifest.config.digest), 'utf8')) as object;
  const changed = await put({ ...config, author });
  return (await put({ ...manifest, config: { ...manifest.config, ...changed } })).digest;
}

const ticks = await collectTicks();
afterAll(ticks.stop);
const pulled = podOf('pulled', [], { containers: [ticks.beacon('main', {}, { image })] });

test('a tag that is another image at the peer gives way to the digest that the source runs', async () => {
  await tag('away', other);
  const original = await startPod(pulled);
  expect(original.status?.containerStatuses?.[0]?.imageID).toContain(ours);
  const { code, stdout, stderr } = await migrate('pulled', '-o', 'json');
  expect(stderr).not.toContain('error: ');
  expect(code).toBe(0);
  const pin = `localhost:5000/team/app@${ours}`;
  expect((JSON.parse(stdout) as MigrationReport).findings.find(({ code }) => code === 'KM-IMAGE-BY-DIGEST')?.text).toContain(pin);
  expect((await getPod('home', 'pulled')).spec.containers[0]?.image).toBe(image);
  const shadow = JSON.parse(await mustKubectl('away', 'get', 'shadowpod', 'pulled', '-o', 'json')) as ShadowPod;
  expect(shadow.spec.pod.containers[0]?.image).toBe(pin);
  expect((await getPod('away', 'pulled')).status?.containerStatuses?.[0]?.imageID).toContain(ours);
  expect(await leftoversInTheEnd('pulled')).toEqual([]);
});

test('a tag that the peer does not have gives way too; the same tag stays as its user wrote it', async () => {
  await rm(join(folderOf('away'), 'tags/1'));
  await startPod(pulled);
  expect((await migrate('pulled')).code).toBe(0);
  expect(await mustKubectl('away', 'get', 'shadowpod', 'pulled', '-o', 'jsonpath={.spec.pod.containers[0].image}')).toContain(ours);
  await deletePod('pulled');

  await tag('away', ours);
  await startPod(pulled);
  expect((await migrate('pulled')).code).toBe(0);
  expect(await mustKubectl('away', 'get', 'shadowpod', 'pulled', '-o', 'jsonpath={.spec.pod.containers[0].image}')).toBe(image);
});

test('an image that the peer cannot have at all is refused, and nothing is left', async () => {
  await tag('away', other);
  await rm(blobOf(folderOf('away'), ours));
  ticks.forget('pulled');
  const original = await startPod(pulled);
  const { code, stderr } = await migrate('pulled');
  expect(stderr).toMatch(new RegExp(`error: pod demo/pulled cannot be moved: .*${ours}`));
  expect(code).toBe(3);
  expect(await leftoversInTheEnd('pulled')).toEqual([]);
  await expectRunsOn(original, ticks);
});
