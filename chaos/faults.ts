import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUnified } from '../bed/cgroups.ts';
import { clusters, nodeNamed, type BedNode } from '../bed/layout.ts';
import { runOnNode } from '../bed/node.ts';
import { recordedProcesses } from '../bed/processes.ts';
import { mustKubectl } from '../test/e2e/cluster.ts';
import { onNode } from '../test/e2e/faults.ts';
import { away, home } from './places.ts';
import { processesOf, signalAll, type NodeProcess } from './processes.ts';

/** What a fault has to work with. */
export interface Scene {
  readonly pod: string;
  readonly command: ChildProcess;
}

/** @returns what takes it away again, or nothing where the world heals itself. @throws Error when there was nothing to hit */
type Fault = (scene: Scene) => Promise<(() => Promise<void>) | undefined>;

export const isAgent = ({ words }: NodeProcess): boolean => words.includes('serve') && words.some((word) => word.endsWith('agent.mjs'));
const isGuard = ({ program }: NodeProcess): boolean => program.includes('/kubectl-migrate/') && basename(program).startsWith('guard');
const isHook = ({ program, words }: NodeProcess): boolean => program.includes('/kubectl-migrate/') && basename(words[0] ?? '') === 'hook';
/** It is the call that made the container, and still has its words. The runtime that the wrapper covers lies in a folder of ours meanwhile. */
const isKeeper = ({ program, words }: NodeProcess): boolean =>
  basename(words[0] ?? '').startsWith('runc') && words.includes('create') && !program.includes('/kubectl-migrate/');
const isCriu = ({ words }: NodeProcess): boolean => basename(words[0] ?? '') === 'criu';
const isRunc =
  (verb: string) =>
  ({ words, program }: NodeProcess): boolean =>
    words.includes(verb) &&
    !program.includes('/kubectl-migrate/wrapper') &&
    words.some((word) => word.startsWith('--image-path') || word === '--bundle');
const isCalled =
  (name: string) =>
  ({ program }: NodeProcess): boolean =>
    basename(program) === name;

type Victim = (one: NodeProcess) => boolean;

/** No page more for an agent's cgroup, and somebody there who wants some: the kernel kills the agent, as the largest. */
function exhaust(where: readonly BedNode[]): Fault {
  return async () => {
    const agents = where.flatMap(processesOf).filter(isAgent);
    if (agents.length === 0) throw new Error('no agent to be short of memory');
    const hogs = agents.map(({ pid }) => crowd(memoryFolderOf(pid)));
    try {
      const isAlive = ({ pid }: NodeProcess): boolean => existsSync(`/proc/${pid}/exe`);
      for (const end = performance.now() + victimMs; agents.some(isAlive); await delay(2))
        if (performance.now() > end) throw new Error('the kernel killed nobody for memory');
    } finally {
      for (const hog of hogs) hog.kill('SIGKILL');
    }
    return undefined;
  };
}

/** The cgroup that counts a process's memory, as this machine sees it. */
function memoryFolderOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const [, , path = ''] = lines.find((line) => line.split(':')[1] === (isUnified ? '' : 'memory'))?.split(':') ?? [];
  return join('/sys/fs/cgroup', isUnified ? '' : 'memory', path);
}

function crowd(folder: string): ChildProcess {
  const [used, limit] = isUnified ? ['memory.current', 'memory.max'] : ['memory.usage_in_bytes', 'memory.limit_in_bytes'];
  // Refused on version 1 when more is in use by then: the next try is not.
  const script = `echo $$ > cgroup.procs; until cat ${used} > ${limit}; do :; done; exec tail /dev/zero`;
  return spawn('sh', ['-c', script], { cwd: folder, stdio: 'ignore' });
}

function kill(where: readonly BedNode[], ...victims: readonly Victim[]): Fault {
  return async () => {
    await strike(where, victims);
    return undefined;
  };
}

/** A window can begin before its victim does, which may live for some tenths of a second alone. */
const victimMs = 5_000;

async function strike(where: readonly BedNode[], victims: readonly Victim[]): Promise<void> {
  for (const victim of victims) {
    for (const end = performance.now() + victimMs; signalAll(where, victim, 'SIGKILL') === 0; await delay(2))
      if (performance.now() > end) throw new Error(`nothing to kill: ${victim.name}`);
  }
}

function killCommand({ command }: Scene): void {
  if (!command.kill('SIGKILL')) throw new Error('the command had ended');
}

/** What a kubelet takes to start afresh what it finds ended. */
const restartMs = 4_000;

/** As a kubelet does it whose patience is over; what was handed over it may not end before it runs at the peer. */
async function killContainers({ pod }: Scene): Promise<undefined> {
  const found = await mustKubectl('home', 'get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[*].containerID}');
  const ids = found.split(' ').map((id) => id.replace('containerd://', ''));
  const script = `for one in ${ids.join(' ')}; do runc --root /run/containerd/runc/k8s.io kill $one KILL || true; done`;
  for (const node of home) await onNode(node, script);
  await delay(restartMs);
}

/** An API server that answers nobody, and goes on where it stood. */
function silence(cluster: string): Fault {
  return async () => {
    const server = (await recordedProcesses()).find(({ name }) => name === `${cluster}-apiserver`);
    if (!server) throw new Error(`cluster ${cluster} has no API server`);
    process.kill(server.pid, 'SIGSTOP');
    const wake = async (): Promise<void> => void process.kill(server.pid, 'SIGCONT');
    setTimeout(() => void wake(), 12_000);
    return wake;
  };
}

const cutLink: Fault = async () => {
  const [one = '', other = ''] = clusters.map(({ podCidr }) => podCidr);
  const rules = [
    ['FORWARD', '-s', one, '-d', other, '-j', 'DROP'],
    ['FORWARD', '-s', other, '-d', one, '-j', 'DROP'],
  ];
  const both = async (verb: string): Promise<void> => {
    const results = await Promise.all(rules.map(async (rule) => runOnNode(nodeNamed('home-1'), ['iptables', '-w', verb, ...rule])));
    const failed = results.find(({ code }) => code !== 0);
    if (failed) throw new Error(`iptables: ${failed.stderr.trim()}`);
  };
  await both('-I');
  return async () => both('-D');
};

/** As long as it takes for somebody to find no room. */
const fullMs = 1_500;

/** The folder that images and files are staged in has no room left. */
function fillDisk(where: readonly BedNode[]): Fault {
  const folder = '/var/lib/kubectl-migrate/migrations';
  return async () => {
    const script = `for one in ${folder}/*; do mount -t tmpfs -o size=64k,mode=0700 full "$one" || exit 1; done`;
    const results = await Promise.all(where.map(async (node) => runOnNode(node, ['sh', '-c', script])));
    if (results.every(({ code }) => code !== 0)) throw new Error('no migration has a folder there');
    const heal = async (): Promise<void> => {
      const free = `for one in ${folder}/*; do umount -l "$one" 2>/dev/null; done; true`;
      await Promise.all(where.map(async (node) => runOnNode(node, ['sh', '-c', free])));
    };
    // A full disk keeps nobody from taking things away, as a mount does.
    setTimeout(() => void heal(), fullMs);
    return heal;
  };
}

const faults = {
  'command killed': async (scene) => {
    killCommand(scene);
    return undefined;
  },
  'command interrupted': async ({ command }) => {
    if (!command.kill('SIGINT')) throw new Error('the command had ended');
    return undefined;
  },
  'command suspended': async ({ command }) => {
    if (!command.kill('SIGSTOP')) throw new Error('the command had ended');
    const wake = async (): Promise<void> => void command.kill('SIGCONT');
    setTimeout(() => void wake(), 45_000);
    return wake;
  },
  'source agent killed': kill(home, isAgent),
  'source guard killed': kill(home, isGuard),
  'source agent and guard killed': kill(home, isGuard, isAgent),
  'command, source agent and guard killed': async (scene) => {
    await strike(home, [isGuard, isAgent]);
    killCommand(scene);
    return undefined;
  },
  'source runc killed': kill(home, isRunc('checkpoint')),
  'source containers killed': killContainers,
  'target agent killed': kill(away, isAgent),
  'keepers killed': kill(away, isKeeper),
  'target agent and keepers killed': kill(away, isAgent, isKeeper),
  'command and both agents killed': async (scene) => {
    await strike(home, [isAgent]);
    await strike(away, [isAgent]);
    killCommand(scene);
    return undefined;
  },
  'hooks killed': kill(away, isHook),
  'target CRIU killed': kill(away, isCriu),
  'target runc killed': kill(away, isRunc('restore')),
  'source containerd killed': kill(home, isCalled('containerd')),
  'target containerd killed': kill(away, isCalled('containerd')),
  'source kubelet killed': kill(home, isCalled('kubelet')),
  'target kubelet killed': kill(away, isCalled('kubelet')),
  'virtual kubelet killed': kill(home, isCalled('virtual-kubelet')),
  'link cut': cutLink,
  'home API server away': silence('home'),
  'peer API server away': silence('away'),
  'pod deleted': async ({ pod }) => {
    await mustKubectl('home', 'delete', 'pod', pod, '--wait=false', '--grace-period=30');
    return undefined;
  },
  'standby deleted': async ({ pod }) => {
    await mustKubectl('away', 'delete', 'shadowpod', pod, '--wait=false');
    return undefined;
  },
  'source memory short': exhaust(home),
  'target memory short': exhaust(away),
  'source disk full': fillDisk(home),
  'target disk full': fillDisk(away),
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;

/** Has it happen. @throws Error when there is nothing that it could hit */
export async function inflict(name: FaultName, scene: Scene): Promise<(() => Promise<void>) | undefined> {
  return await faults[name](scene);
}
