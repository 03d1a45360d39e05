import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { packLayer, writeOciArchive, type ImageConfig } from '../build/oci-archive.ts';
import { must } from '../build/run.ts';
import { nodeTree } from './node-tree.ts';
import { goTools } from './tools.ts';

export const pauseImage = 'registry.k8s.io/pause:3.10';
/** What test workloads run in: a shell and the programs of test/workloads. */
export const workloadImage = 'example.test/base:1';

const liqoPrograms = ['liqo-controller-manager', 'crd-replicator', 'webhook', 'virtual-kubelet'];
const here = import.meta.dirname;
const workloads = join(here, '..', 'test', 'workloads');

/** Makes the images that the bed's clusters and the tests need. @returns archives that containerd imports */
export async function bedImages(): Promise<string[]> {
  const liqo = await Promise.all(
    liqoPrograms.map(async (program) => {
      const binary = join(await goTools('liqo'), program);
      return await image(`ghcr.io/liqotech/${program}:v1.2.0`, [binary], { entrypoint: [`/usr/bin/${program}`] }, async (root) => {
        await place(binary, join(root, 'usr/bin', program));
        await mkdir(join(root, 'tmp'), { recursive: true });
        await chmod(join(root, 'tmp'), 0o1777);
        await mkdir(join(root, 'etc'));
        await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:1000:1000:nonroot:/:/sbin/nologin\n');
      });
    }),
  );
  return [await pause(), await workload(), ...liqo];
}

async function pause(): Promise<string> {
  const source = join(here, 'pause.c');
  return await image(pauseImage, await contentsOf([source]), { entrypoint: ['/pause'] }, async (root) =>
    compile(source, join(root, 'pause')),
  );
}

async function workload(): Promise<string> {
  const busybox = join(await nodeTree(), 'usr/bin/busybox');
  const sources = (await readdir(workloads))
    .filter((name) => name.endsWith('.c'))
    .toSorted()
    .map((name) => join(workloads, name));
  const inputs = [busybox, ...(await contentsOf(sources)), ...sources.map((path) => basename(path))];
  const config = { entrypoint: ['/bin/sh'], env: ['PATH=/usr/local/bin:/bin'] };
  return await image(workloadImage, inputs, config, async (root) => {
    await place(busybox, join(root, 'bin/busybox'));
    for (const applet of (await must([busybox, '--list'])).split('\n').filter(Boolean)) {
      if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
    }
    for (const folder of ['tmp', 'etc', 'var', 'root', 'data']) await mkdir(join(root, folder));
    await chmod(join(root, 'tmp'), 0o1777);
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nservice:x:1000:1000:service:/:/bin/sh\n');
    await writeFile(join(root, 'etc/from-image'), 'as the image has it\n');
    await mkdir(join(root, 'etc/from-image.d'));
    await writeFile(join(root, 'etc/from-image.d/one'), 'one\n');
    await writeFile(join(root, 'etc/from-image.d/two'), 'two\n');
    for (const source of sources) await compile(source, join(root, 'usr/local/bin', basename(source, '.c')));
  });
}

/** Makes an image, or takes it from the cache. @param fill puts the files of its only layer into a folder */
export async function image(
  reference: string,
  inputs: readonly string[],
  config: ImageConfig,
  fill: (root: string) => Promise<void>,
): Promise<string> {
  const recipe = await contentsOf([join(here, 'images.ts')]);
  const folder = await cached('image', [reference, JSON.stringify(config), ...inputs, ...recipe], async (draft) => {
    const root = await mkdtemp(join(tmpdir(), 'kmbed-image-'));
    try {
      await chmod(root, 0o755);
      await fill(root);
      await packLayer(root, join(draft, 'layer.tar'));
      await writeOciArchive(join(draft, 'image.tar'), reference, [join(draft, 'layer.tar')], config);
      await rm(join(draft, 'layer.tar'));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
  return join(folder, 'image.tar');
}

export async function place(from: string, to: string): Promise<void> {
  await mkdir(join(to, '..'), { recursive: true });
  await copyFile(from, to);
  await chmod(to, 0o755);
}

async function compile(source: string, to: string): Promise<void> {
  await requirePackages(['musl-tools']);
  await mkdir(join(to, '..'), { recursive: true });
  await must(['musl-gcc', '-static', '-O2', '-Wall', '-Werror', '-s', '-o', to, source]);
}
