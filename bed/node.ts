import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { must, run, type RunOptions, type RunResult } from '../build/run.ts';
import { cgroupsOf, isUnified, makeCgroups, mountedControllers } from './cgroups.ts';
import { networkOf, nodeDir, pkiDir, type BedNode } from './layout.ts';
import { provisionNode, nodeTree } from './node-tree.ts';
import { recordedProcesses, startDaemon } from './processes.ts';
import { goTools } from './tools.ts';

/** Starts a node: containerd, kubelet and kube-proxy in namespaces, cgroups and a file system of their own. */
export async function startNode(node: BedNode): Promise<void> {
  const state = nodeDir(node);
  for (const folder of ['upper', 'work', 'root', 'containerd', 'kubelet', 'log', 'config/cni']) {
    await mkdir(join(state, folder), { recursive: true });
  }
  await provisionNode(join(state, 'upper'), node);
  await configure(node, join(state, 'config'));
  makeCgroups(node);
  const clock = node.clockOffset > 0 ? ['--monotonic', String(node.clockOffset), '--boottime', String(node.clockOffset)] : [];
  // The shell joins the node's cgroups first, because the cgroup namespace takes its root from there.
  const joinCgroups = cgroupsOf(node).map((folder) => `echo $$ > ${folder}/cgroup.procs`);
  await startDaemon(node.name, [
    'nsenter',
    `--net=/run/netns/${networkOf(node)}`,
    'sh',
    '-c',
    [...joinCgroups, 'exec "$@"'].join('; '),
    'sh',
    'unshare',
    '--cgroup',
    '--mount',
    '--uts',
    '--ipc',
    '--pid',
    '--time',
    ...clock,
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
    'bash',
    join(import.meta.dirname, 'node-init.sh'),
    state,
    await nodeTree(),
    node.name,
    node.address,
    await goTools('kubernetes'),
    ...(isUnified ? ['2'] : ['1', ...mountedControllers()]),
  ]);
}

async function configure(node: BedNode, folder: string): Promise<void> {
  const pki = pkiDir(node.cluster);
  await copyFile(join(pki, 'admin.kubeconfig'), join(folder, 'kubeconfig'));
  await copyFile(join(pki, 'ca.crt'), join(folder, 'ca.crt'));
  await writeFile(join(folder, 'containerd.toml'), containerdConfig(node));
  const network = {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: node.podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  await writeFile(join(folder, 'cni/10-pods.conflist'), JSON.stringify(network));
  await writeFile(join(folder, 'kubelet.yaml'), dump(kubeletConfig));
}

// Writing oom_score_adj below the current one needs CAP_SYS_RESOURCE, which not every machine gives to root.
const containerdConfig = ({ runtime }: BedNode): string => `version = 3
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  enable_selinux = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/usr/lib/cni']
  conf_dir = '/node/cni'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "registry.k8s.io/pause:3.10"
${
  runtime === undefined
    ? ''
    : `[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  options = { BinaryName = '${runtime}' }`
}
`;

const kubeletConfig = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  failSwapOn: false,
  enforceNodeAllocatable: [],
  // Tolerates sysctls and devices that a kubelet in such namespaces cannot set.
  featureGates: { KubeletInUserNamespace: true },
  authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: '/node/ca.crt' } },
  authorization: { mode: 'Webhook' },
  clusterDomain: 'cluster.local',
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%' },
  imageGCHighThresholdPercent: 100,
  registerNode: true,
  syncFrequency: '10s',
};

/** Command prefix that runs something inside a node's namespaces. @throws Error when the node does not run */
export async function insideNode(node: BedNode): Promise<string[]> {
  return ['nsenter', `--target=${await firstProcess(node)}`, '--all'];
}

/** A file of a node, as a path of this machine. @throws Error when the node does not run */
export async function fileOfNode(node: BedNode, path: string): Promise<string> {
  return `/proc/${await firstProcess(node)}/root${path}`;
}

async function firstProcess(node: BedNode): Promise<number> {
  const outer = (await recordedProcesses()).find(({ name }) => name === node.name)?.pid;
  const inner = outer === undefined ? undefined : childOf(outer);
  if (inner === undefined) throw new Error(`node ${node.name} does not run: npm run bed -- up`);
  return inner;
}

/** `unshare --fork` waits outside of the new PID namespace; its only child is the node's first process. */
function childOf(pid: number): number | undefined {
  try {
    const [task] = readdirSync(`/proc/${pid}/task`);
    const [child] = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean);
    return child === undefined ? undefined : Number(child);
  } catch {
    return undefined;
  }
}

/** Runs a command on a node. */
export async function runOnNode(node: BedNode, command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return await run([...(await insideNode(node)), ...command], options);
}

/** Imports image archives into a node's containerd, where Kubernetes finds them. */
export async function importImage(node: BedNode, archive: string): Promise<void> {
  // Through standard input: the node does not see the machine's files.
  const command = [...(await insideNode(node)), 'ctr', '-n', 'k8s.io', 'images', 'import', '--digests=false', '-'];
  const file = openSync(archive, 'r');
  try {
    const child = spawn(command[0] ?? '', command.slice(1), { stdio: [file, 'ignore', 'pipe'] });
    const words: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => words.push(chunk));
    const code = await new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (exit) => resolve(exit ?? 1)));
    if (code !== 0) throw new Error(`cannot import ${archive} on ${node.name}: ${Buffer.concat(words).toString().trim()}`);
  } finally {
    closeSync(file);
  }
}

/** Marks an image as not to be collected. */
export async function pinImage(node: BedNode, image: string): Promise<void> {
  await must([...(await insideNode(node)), 'ctr', '-n', 'k8s.io', 'images', 'label', image, 'io.cri-containerd.pinned=pinned']);
}
