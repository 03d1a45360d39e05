import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot } from '../build/cache.ts';
import { must } from '../build/run.ts';
import { pauseImage } from './images.ts';
import { nodeDir, nodeNamed, nodes } from './layout.ts';
import { importImage, pinImage, runOnNode } from './node.ts';
import { until } from './until.ts';

/** Imports image archives on the named nodes, all by default, as far as they do not have them. */
export async function loadImages(archives: readonly string[], names: readonly string[] = nodes.map(({ name }) => name)): Promise<void> {
  const images = await Promise.all(archives.map(async (archive) => ({ archive, reference: await referenceOf(archive) })));
  await Promise.all(names.map(async (name) => loadOnto(name, images)));
}

interface Image {
  readonly archive: string;
  readonly reference: string;
}

/** An archive of ours is known by its path, which names its content in the cache; a node has one image of a name. */
async function loadOnto(name: string, images: readonly Image[]): Promise<void> {
  const node = nodeNamed(name);
  const record = join(nodeDir(node), 'images.json');
  const had = JSON.parse(await readFile(record, 'utf8').catch(() => '{}')) as Record<string, string>;
  const wanted = images.filter(({ archive, reference }) => had[reference] !== archive || !archive.startsWith(cacheRoot));
  if (wanted.length === 0) return;
  // On a busy machine the node's first process may not be there yet either.
  const hasContainerd = async (): Promise<boolean> =>
    runOnNode(node, ['ctr', 'version']).then(
      ({ code }) => code === 0,
      () => false,
    );
  await until(`containerd of ${name}`, 60_000, hasContainerd);
  for (const { archive, reference } of wanted) {
    await importImage(node, archive);
    if (reference === pauseImage) await pinImage(node, reference);
    had[reference] = archive;
  }
  await writeFile(record, JSON.stringify(had));
}

/** The name under which containerd imports an OCI archive; of another kind of archive, its path. */
async function referenceOf(archive: string): Promise<string> {
  const index = await must(['tar', '-xOf', archive, '--occurrence=1', 'index.json']).catch(() => '{}');
  const { manifests = [] } = JSON.parse(index) as { manifests?: { annotations?: Record<string, string> }[] };
  return manifests[0]?.annotations?.['io.containerd.image.name'] ?? archive;
}
