import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mustIn } from '../bed/bed.ts';
import { workloadImage } from '../bed/images.ts';
import { nodeNamed, type BedNode } from '../bed/layout.ts';
import { fileOfNode, importImage, insideNode, runOnNode } from '../bed/node.ts';
import { requirePackages } from '../build/apt.ts';
import { must, run } from '../build/run.ts';
import { deletePod, mustKubectl, startPod } from '../test/e2e/cluster.ts';
import { containerOf, podOf } from '../test/e2e/pods.ts';
import { stepsIn, type Step } from '../test/e2e/steps.ts';
import { periodMs, type Case } from './cases.ts';

export interface PipelineRun {
  /** From the last step that is in a checkpoint to the first one after its restore; the longest of all containers. */
  readonly frozenMs: number;
  /** From the first call of the kubelet until every restored container has made a step. */
  readonly totalMs: number;
}

const source = nodeNamed('home-1');
const target = nodeNamed('away-1');
const baseImage = 'localhost:5000/base:1';
const imageOf = (container: string): string => `checkpoint.test/${container}:1`;

/**
 * The way of the proof of concept that this field started with, for comparison only: the kubelet's checkpoint API,
 * container by container; each archive made an image by buildah; the images imported at the target (cheaper than a
 * registry's push and pull); a pod from them, which containerd restores.
 */
export async function measurePipeline({ containers, megabytes }: Case): Promise<PipelineRun> {
  const names = Array.from({ length: containers }, (_, index) => `c${index}`);
  const scratch = await mkdtemp(join(tmpdir(), 'pipeline-'));
  const command = ['ticker', String(megabytes), String(periodMs)];
  await requirePackages(['buildah']);
  const registry = await serveBaseImage();
  try {
    await startPod(
      podOf('piped', [], { containers: names.map((name) => containerOf(name, command, { image: baseImage, imagePullPolicy: 'Never' })) }),
    );
    await delay(2_000);
    const begin = Date.now();
    for (const name of names) await checkpointToImage(name, scratch);
    await mustIn(['kubectl', '--context', 'away', 'apply', '-f', '-'], { input: JSON.stringify(restoredPod(names, command)) });
    await mustKubectl('away', '-n', 'default', 'wait', '--for=condition=Ready', 'pod/piped', '--timeout=90s');
    await delay(500);
    const moves = await Promise.all(
      names.map(async (name) => moveIn(stepsIn(await mustKubectl('away', '-n', 'default', 'logs', 'piped', '-c', name)))),
    );
    return {
      frozenMs: Math.max(...moves.map(({ last, first }) => first.ms - last.ms - periodMs)),
      totalMs: Math.max(...moves.map(({ first }) => first.ms)) - begin,
    };
  } finally {
    registry.kill();
    await deletePod('piped');
    await mustIn([
      'kubectl',
      '--context',
      'away',
      '-n',
      'default',
      'delete',
      'pod',
      'piped',
      '--grace-period=1',
      '--ignore-not-found',
      '--wait',
    ]);
    for (const name of names) await runOnNode(target, ['ctr', '-n', 'k8s.io', 'images', 'rm', '--sync', imageOf(name)]);
    for (const node of [source, target])
      await runOnNode(node, ['sh', '-c', 'ctr -n k8s.io images rm --sync $(ctr -n k8s.io images ls -q | grep ^localhost:5000/)']);
    await runOnNode(source, ['sh', '-c', 'rm -f /var/lib/kubelet/checkpoints/checkpoint-piped_*']);
    await run(['umount', join(scratch, 'root/overlay')]);
    await rm(scratch, { recursive: true });
  }
}

/** Names the workload's image on both nodes as one from a registry, and serves that registry to the target's containerd. */
async function serveBaseImage(): Promise<ChildProcess> {
  const listed = await mustOnNode(source, ['ctr', '-n', 'k8s.io', 'images', 'ls', `name==${workloadImage}`]);
  const digest = /sha256:[0-9a-f]{64}/.exec(listed)?.[0] ?? '';
  for (const node of [source, target]) {
    await mustOnNode(node, ['ctr', '-n', 'k8s.io', 'images', 'tag', '--force', workloadImage, baseImage, `localhost:5000/base@${digest}`]);
  }
  const manifest = await mustOnNode(source, ['ctr', '-n', 'k8s.io', 'content', 'get', digest]);
  const [enter = '', pid = ''] = await insideNode(target);
  const registry = spawn(enter, [pid, '--net', '--', process.execPath, join(import.meta.dirname, 'registry.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  registry.stdin.end(manifest);
  await once(registry.stdout, 'data');
  return registry;
}

async function mustOnNode(node: BedNode, command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runOnNode(node, command);
  if (code !== 0) throw new Error(`${command.join(' ')} failed on ${node.name}: ${stderr.trim()}`);
  return stdout;
}

/** As the kubelet's documentation of checkpoints tells it: one layer from the archive, by buildah. */
async function checkpointToImage(name: string, scratch: string): Promise<void> {
  const answer = await mustKubectl(
    'home',
    'create',
    '--raw',
    `/api/v1/nodes/${source.name}/proxy/checkpoint/demo/piped/${name}`,
    '-f',
    '/dev/null',
  );
  const [archive = ''] = (JSON.parse(answer) as { items: string[] }).items;
  const buildah = async (...args: readonly string[]): Promise<string> =>
    (
      await must(['buildah', '--root', join(scratch, 'root'), '--runroot', join(scratch, 'run'), '--storage-driver', 'overlay', ...args])
    ).trim();
  const working = await buildah('from', 'scratch');
  await buildah('add', '--quiet', working, await fileOfNode(source, archive), '/');
  await buildah('config', `--annotation=org.criu.checkpoint.container.name=${name}`, working);
  await buildah('commit', '--quiet', '--rm', working, imageOf(name));
  const file = join(scratch, `${name}.tar`);
  await buildah('push', '--quiet', imageOf(name), `oci-archive:${file}:${imageOf(name)}`);
  await importImage(target, file);
}

function restoredPod(names: readonly string[], command: readonly string[]): object {
  const pod = podOf('piped', [], {
    nodeSelector: { 'kubernetes.io/hostname': target.name },
    containers: names.map((name) => containerOf(name, command, { image: imageOf(name), imagePullPolicy: 'Never' })),
  });
  return { ...pod, metadata: { ...pod.metadata, namespace: 'default' } };
}

/**
 * containerd brings the container's log along, with what the source has still written after its checkpoint: the first
 * restored step follows the longest gap, the last one in the checkpoint is the one numbered before it.
 */
function moveIn(steps: readonly Step[]): { last: Step; first: Step } {
  const gaps = steps.map(({ ms }, index) => ms - (steps[index - 1]?.ms ?? ms));
  const first = steps[gaps.indexOf(Math.max(...gaps))];
  const last = steps.find(({ number }) => number + 1 === first?.number);
  if (!first || !last) throw new Error('a restored container does not go on with its steps');
  return { last, first };
}
