import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { cacheRoot } from '../build/cache.ts';
import { requirePackages } from '../build/apt.ts';
import { mkdir } from 'node:fs/promises';

interface Requirement {
  readonly what: string;
  readonly fix: string;
  readonly isMet: () => Promise<boolean> | boolean;
}

const requirements: readonly Requirement[] = [
  { what: 'the bed makes namespaces and mounts, so it needs root', fix: 'run it with sudo', isMet: () => process.getuid?.() === 0 },
  { what: 'the bed needs Linux', fix: 'use a Linux machine, x86-64', isMet: () => process.platform === 'linux' && process.arch === 'x64' },
  {
    what: 'the kernel has no time namespaces (CONFIG_TIME_NS)',
    fix: 'use a kernel of 5.6 or newer, with checkpoint/restore',
    isMet: () => existsSync('/proc/self/ns/time'),
  },
  {
    what: 'the kernel cannot checkpoint processes (CONFIG_CHECKPOINT_RESTORE)',
    fix: 'use a kernel built with it; those of Debian, Ubuntu and Fedora are',
    isMet: () => existsSync('/proc/self/map_files'),
  },
  {
    what: 'Go is not in PATH; Kubernetes and Liqo are built from their modules',
    fix: 'install Go 1.26 or newer',
    isMet: () => hasProgram('go'),
  },
  {
    what: 'the bed unpacks Debian packages',
    fix: 'use a Debian-like machine, or name an unpacked tree in KUBECTL_MIGRATE_BED_TREE',
    isMet: () => hasProgram('apt-get') || process.env['KUBECTL_MIGRATE_BED_TREE'] !== undefined,
  },
  {
    what: `there is less than 8 GB of room below ${cacheRoot}`,
    fix: 'free some, or name another folder in KUBECTL_MIGRATE_CACHE',
    isMet: async () => {
      await mkdir(cacheRoot, { recursive: true });
      const { bavail, bsize } = await statfs(cacheRoot);
      return bavail * bsize > 8e9;
    },
  },
];

/** @throws Error naming everything that this machine lacks, each with its cure */
export async function checkRequirements(): Promise<void> {
  const unmet: string[] = [];
  for (const { what, fix, isMet } of requirements) if (!(await isMet())) unmet.push(`- ${what}: ${fix}`);
  if (unmet.length > 0) throw new Error(`this machine cannot run the bed:\n${unmet.join('\n')}`);
  if (hasProgram('apt-get')) await requirePackages(['iproute2', 'util-linux', 'openssl', 'procps', 'musl-tools']);
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/${name}`));
}
