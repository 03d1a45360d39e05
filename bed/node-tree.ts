import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requirePackages } from '../build/apt.ts';
import { cached, contentsOf } from '../build/cache.ts';
import { debianTree } from '../build/debian-tree.ts';
import { must } from '../build/run.ts';
import type { BedNode } from './layout.ts';

/** What a node's file system holds. CRIU is there for the benchmark's other ways; kubectl migrate brings its own. */
const packages = [
  'criu',
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iproute2',
  'iptables',
  'procps',
  'ca-certificates',
  'etcd-server',
  'etcd-client',
  'mount',
  'kmod',
  'attr',
  'busybox-static',
  'python3-minimal',
];

/** The file tree of every node, read-only: each node has its own layer over it. */
export async function nodeTree(): Promise<string> {
  return process.env['KUBECTL_MIGRATE_BED_TREE'] ?? (await debianTree(packages));
}

/** The folder with the bed's cures for limits of this machine; see rlimits.c. */
export async function workarounds(): Promise<string> {
  const source = join(import.meta.dirname, 'rlimits.c');
  return await cached('cures', await contentsOf([source]), async (draft) => {
    await requirePackages(['gcc', 'libc6-dev']);
    await must(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', join(draft, 'rlimits.so'), source, '-ldl']);
  });
}

/** Fills a node's own layer before its first start. */
export async function provisionNode(upper: string, { runtime }: BedNode): Promise<void> {
  if (runtime !== undefined) {
    await mkdir(join(upper, dirname(runtime)), { recursive: true });
    await copyFile(join(await nodeTree(), 'usr/sbin/runc'), join(upper, runtime));
  }
  await mkdir(join(upper, 'usr/local/lib'), { recursive: true });
  await copyFile(join(await workarounds(), 'rlimits.so'), join(upper, 'usr/local/lib/kmbed-rlimits.so'));
  await mkdir(join(upper, 'etc'), { recursive: true });
  await writeFile(join(upper, 'etc/ld.so.preload'), '/usr/local/lib/kmbed-rlimits.so\n');
  await writeFile(join(upper, 'etc/resolv.conf'), 'nameserver 10.77.0.1\n');
}
