import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { must, run, type RunOptions, type RunResult } from '../build/run.ts';
import { buildAgentImage } from '../image/agent-image.ts';
import { removeCgroups } from './cgroups.ts';
import { kubectl, startControlPlane } from './control-plane.ts';
import { bedImages } from './images.ts';
import { knativeImages } from './knative/images.ts';
import { installKnative } from './knative/install.ts';
import { loadImages } from './load-images.ts';
import { binDir, clusters, kubeconfigFile, networkOf, nodes, stateDir } from './layout.ts';
import { installLiqo, peerClusters } from './liqo.ts';
import { makeNetwork, networkNamespaces, removeNetwork } from './network.ts';
import { startNode } from './node.ts';
import { workarounds, nodeTree } from './node-tree.ts';
import { makePki, writeKubeconfig } from './pki.ts';
import { endProcesses, isAlive, recordedProcesses } from './processes.ts';
import { checkRequirements } from './requirements.ts';
import { goTools } from './tools.ts';
import { until } from './until.ts';

export type Say = (line: string) => void;

const peerNodes = nodes.filter(({ cluster }) => cluster === 'away').map(({ name }) => name);

/** Exists when `up` came to its end. */
const completeFile = join(stateDir, 'complete');

export interface UpOptions {
  /** With Knative Serving in the home cluster; one that is there stays without being asked for. */
  readonly withKnative?: boolean;
}

/** Brings the bed up, or repairs it: a bed of which anything is missing is taken down and made anew. */
export async function up(say: Say, { withKnative = false }: UpOptions = {}): Promise<void> {
  await checkRequirements();
  const stage = stagesOf(say);
  await upWithoutKnative(stage);
  if (withKnative) {
    const images = await stage('Images of Knative', knativeImages);
    await stage('Images of Knative onto the nodes', async () => {
      await Promise.all([loadImages([...images.home, ...images.everywhere], ['home-1']), loadImages(images.everywhere, peerNodes)]);
    });
    await stage('Knative', installKnative);
  }
  say('the bed is up');
}

type Stage = <T>(what: string, work: () => Promise<T>) => Promise<T>;

function stagesOf(say: Say): Stage {
  return async (what, work) => {
    const start = performance.now();
    say(`${what} …`);
    const result = await work();
    say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
    return result;
  };
}

async function upWithoutKnative(stage: Stage): Promise<void> {
  await stage('Programs of the clusters', async () =>
    Promise.all([goTools('helm'), goTools('krew')])
      .then(async () => goTools('liqo'))
      .then(async () => goTools('kubernetes')),
  );
  await stage('File tree of the nodes', async () => Promise.all([nodeTree(), workarounds()]));
  const images = await stage('Images', bedImages);
  const agentImage = await stage('Agent image', buildAgentImage);
  const problem = await whatIsMissing();
  if (problem === undefined) {
    await stage('Images onto the nodes', async () => loadImages([...images, agentImage]));
    await linkPrograms();
    return;
  }
  if (existsSync(stateDir) || (await networkNamespaces()).length > 0) {
    await stage(`Clearing away what is left of a bed (${problem})`, down);
  }
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await stage('Networks', makeNetwork);
  await stage('Keys and certificates', async () => {
    for (const cluster of clusters) await makePki(cluster);
    await writeKubeconfig();
  });
  await stage('Control planes', async () => Promise.all(nodes.filter((node) => node.isControlPlane).map(startControlPlane)));
  await stage('Nodes', async () => Promise.all(nodes.map(startNode)));
  await stage('Images onto the nodes', async () => loadImages(images));
  await stage('Nodes ready', untilNodesReady);
  // The installation mostly waits, and needs nothing of ours.
  await stage('Liqo, and the agent image onto the nodes', async () =>
    Promise.all([...clusters.map(installLiqo), loadImages([agentImage])]),
  );
  await stage('Peering', peerClusters);
  await linkPrograms();
  await writeFile(completeFile, '');
}

/** Takes everything away that a bed made on this machine, also one whose state is lost. */
export async function down(): Promise<void> {
  await endProcesses();
  await removeNetwork();
  removeCgroups();
  await rm(stateDir, { recursive: true, force: true });
}

/** @returns undefined when the bed is up, else what is wrong with it */
export async function whatIsMissing(): Promise<string | undefined> {
  if (!existsSync(completeFile)) return 'it is not complete';
  const processes = await recordedProcesses();
  const dead = processes.filter((one) => !isAlive(one)).map(({ name }) => name);
  if (dead.length > 0) return `dead: ${dead.join(', ')}`;
  for (const cluster of clusters) {
    if ((await kubectl(cluster.name, 'get', '--raw', '/readyz')).code !== 0) return `the API server of ${cluster.name} is not ready`;
  }
  return undefined;
}

async function untilNodesReady(): Promise<void> {
  for (const cluster of clusters) {
    const names = nodes.filter((node) => node.cluster === cluster.name).map((node) => `node/${node.name}`);
    await until(
      `the nodes of ${cluster.name}`,
      90_000,
      async () => (await kubectl(cluster.name, 'wait', '--for=condition=Ready', '--timeout=10s', ...names)).code === 0,
    );
  }
}

/** The programs that `run` puts first in PATH; kubectl-migrate is this checkout's. */
async function linkPrograms(): Promise<void> {
  await rm(binDir, { recursive: true, force: true });
  await mkdir(binDir, { recursive: true });
  const programs = {
    'kubectl': join(await goTools('kubernetes'), 'kubectl'),
    'liqoctl': join(await goTools('liqo'), 'liqoctl'),
    'helm': join(await goTools('helm'), 'helm'),
    'krew': join(await goTools('krew'), 'krew'),
    'kubectl-krew': join(await goTools('krew'), 'krew'),
  };
  for (const [name, target] of Object.entries(programs)) await symlink(target, join(binDir, name));
  const wrapper = join(binDir, 'kubectl-migrate');
  await writeFile(
    wrapper,
    `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning '${join(import.meta.dirname, 'plugin.ts')}' "$@"\n`,
  );
  await chmod(wrapper, 0o755);
}

/** Command and environment for what shall see both clusters and all pods. */
export async function insideBed(command: readonly string[]): Promise<{ command: string[]; env: Record<string, string> }> {
  if (!existsSync(kubeconfigFile)) throw new Error('the bed is not up: npm run bed -- up');
  return {
    command: ['nsenter', `--net=/run/netns/${networkOf()}`, '--', ...command],
    env: { KUBECONFIG: kubeconfigFile, PATH: `${binDir}:${process.env['PATH'] ?? ''}` },
  };
}

/** Runs a command where both API servers and all pods can be reached, as the user of cluster `home`. */
export async function runIn(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const inside = await insideBed(command);
  return await run(inside.command, { ...options, env: { ...inside.env, ...options.env } });
}

/** The same for a command that has to succeed. @throws Error with its last words */
export async function mustIn(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const inside = await insideBed(command);
  return await must(inside.command, { ...options, env: { ...inside.env, ...options.env } });
}
