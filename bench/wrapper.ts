import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../build/run.ts';
import { buildNative, compileWrapper } from '../native/build.ts';
import { spreadOf, type Spread } from './cases.ts';

/** How much longer a call takes through the runtime wrapper than straight to the runtime behind it, while a pod is awaited. */
export interface WrapperCost {
  /** A call that is none of its business, as `exec` and `state` are. */
  readonly otherMicroseconds: Spread;
  /** `create` of another pod's container, whose configuration has to be read. */
  readonly createMicroseconds: Spread;
}

export const wrapperTargetMicroseconds = 1000;
export const wrapperRounds = 9;
const callsPerRound = 500;

/** Measures the runtime wrapper in front of a runtime that ends at once. @throws Error when a call does not end well */
export async function measureWrapper(): Promise<WrapperCost> {
  const scratch = await mkdtemp(join(tmpdir(), 'wrapper-bench-'));
  try {
    const nodeDir = join(scratch, 'node');
    await mkdir(join(nodeDir, 'real'), { recursive: true });
    await mkdir(join(nodeDir, 'await'));
    await writeFile(join(nodeDir, 'await/demo_web-0'), '');
    await mkdir(join(nodeDir, 'await/.demo_web-0'));
    const uptimeSeconds = Number((await readFile('/proc/uptime', 'utf8')).split('.')[0]);
    await writeFile(join(nodeDir, 'await/.demo_web-0/until'), String(uptimeSeconds + 3600));
    await compileWrapper(join(scratch, 'runc'), { nodeDir, runDir: join(scratch, 'run') });
    await copyFile((await buildNative()).noop, join(scratch, 'real'));
    await copyFile(join(scratch, 'real'), join(nodeDir, 'real', join(scratch, 'runc').replaceAll('/', '%')));
    await writeFile(join(scratch, 'config.json'), configuration());
    const other = ['--root', '/run/containerd/runc/k8s.io', 'state', 'c0ffee'];
    const create = [
      '--root',
      '/run/containerd/runc/k8s.io',
      '--log',
      join(scratch, 'log.json'),
      '--log-format',
      'json',
      'create',
      '--bundle',
      scratch,
      '--pid-file',
      join(scratch, 'pid'),
      'c0ffee',
    ];
    return { otherMicroseconds: await added(scratch, other), createMicroseconds: await added(scratch, create) };
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function added(scratch: string, args: readonly string[]): Promise<Spread> {
  const rounds: number[] = [];
  // In turn, so that what else the machine does falls on both.
  for (let round = 0; round <= wrapperRounds; round++) {
    const straight = await perCall([join(scratch, 'real'), ...args]);
    const through = await perCall([join(scratch, 'runc'), ...args]);
    // The first one reads the files from the disk.
    if (round > 0) rounds.push(through - straight);
  }
  return spreadOf(rounds);
}

/** In a shell's loop: a call started from here would take several times as long as what is measured. */
async function perCall(command: readonly string[]): Promise<number> {
  const loop = `n=0; while [ $n -lt ${callsPerRound} ]; do "$@" || exit 1; n=$((n + 1)); done`;
  const start = performance.now();
  await must(['sh', '-c', loop, 'sh', ...command]);
  return ((performance.now() - start) * 1000) / callsPerRound;
}

/** A container's config.json of the size that containerd writes, compact as Go writes it. */
function configuration(): string {
  const mounts = Array.from({ length: 24 }, (_, index) => ({
    destination: `/mnt/volume-${index}`,
    type: 'bind',
    source: `/var/lib/kubelet/pods/0c5f/volumes/kubernetes.io~empty-dir/volume-${index}`,
    options: ['rbind', 'rprivate', 'rw'],
  }));
  const annotations = {
    'io.kubernetes.cri.container-name': 'main',
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.image-name': 'docker.io/library/debian:13-slim',
    'io.kubernetes.cri.sandbox-id': '9f3c'.repeat(16),
    'io.kubernetes.cri.sandbox-name': 'another-0',
    'io.kubernetes.cri.sandbox-namespace': 'demo',
    'io.kubernetes.cri.sandbox-uid': '0c5f7a52-1b3e-4c8e-9d52-6a1f5f0c7d11',
  };
  const env = Array.from({ length: 20 }, (_, index) => `SERVICE_${index}_HOST=10.96.0.${index}`);
  return JSON.stringify({
    ociVersion: '1.2.0',
    process: { user: { uid: 0, gid: 0 }, args: ['sh', '-c', 'while :; do echo "<tick>"; done'], env, cwd: '/' },
    root: { path: 'rootfs' },
    mounts,
    annotations,
    linux: {
      resources: { memory: { limit: 268435456 }, cpu: { shares: 102, period: 100000 } },
      namespaces: [{ type: 'pid' }, { type: 'ipc', path: '/proc/1234/ns/ipc' }],
    },
  });
}
