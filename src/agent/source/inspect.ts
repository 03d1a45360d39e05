import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Finding, Inspection } from '../../protocol/agent-calls.ts';
import { snapshotTree, type Tree } from '../files/tree.ts';
import { nodeFacts } from '../node/facts.ts';
import { hostProc } from '../node/host.ts';
import type { NodeContainer } from '../runc/container.ts';
import { foreignProcesses, isFrozen, isParentFrozen, processesOf } from '../runc/freezer.ts';
import { handedOverBy } from './commit-record.ts';
import type { SourcePod } from './pod.ts';

/** Looks at the processes of a pod for what CRIU cannot dump, so that it is named before anything is touched. */
export async function inspect(pod: SourcePod): Promise<Inspection> {
  const blocks: Finding[] = [];
  const handedOver = handedOverBy(pod.uid);
  let memoryBytes = 0;
  for (const container of pod.containers) {
    const processes = processesOf(container);
    blocks.push(...frozenFindings(container, handedOver));
    for (const pid of processes) {
      memoryBytes += memoryOf(pid);
      blocks.push(...processFindings(container.name, pid));
    }
    blocks.push(...(await foreignFindings(container)));
  }
  return { facts: await nodeFacts(), memoryBytes, fileBytes: sum(pod.trees.map(treeBytes)), blocks };
}

function frozenFindings(container: NodeContainer, handedOver: string | undefined): Finding[] {
  if (!isFrozen(container) && !isParentFrozen(container)) return [];
  if (handedOver !== undefined) {
    return [
      {
        container: container.name,
        reason: `migration ${handedOver} has handed it over to the peer for good`,
        hint: 'never thaw it: it runs at the peer; that migration told how to finish by hand',
      },
    ];
  }
  return [{ container: container.name, reason: 'it is frozen already, by somebody else', hint: 'thaw it first' }];
}

const impossible: readonly { readonly link: RegExp; readonly reason: string; readonly hint: string }[] = [
  {
    link: /^anon_inode:\[io_uring\]$/,
    reason: 'it uses io_uring, which CRIU cannot dump (checkpoint-restore/criu issue 2131)',
    hint: 'start it with seccompProfile RuntimeDefault (which forbids io_uring; Node.js and others then do without)',
  },
  {
    link: /^anon_inode:\[userfaultfd\]$/,
    reason: 'it uses userfaultfd, which CRIU cannot dump',
    hint: 'switch that feature of the program off',
  },
  { link: /^anon_inode:\[perf_event\]$/, reason: 'it holds a performance counter, which CRIU cannot dump', hint: 'stop the profiler' },
  { link: /^\/dev\/(kvm|fuse|nvidia|dri|vfio)/, reason: 'it holds a device, whose state CRIU cannot dump', hint: 'close the device first' },
];

function processFindings(container: string, pid: number): Finding[] {
  const findings: Finding[] = [];
  for (const target of openFiles(pid)) {
    const found = impossible.find(({ link }) => link.test(target));
    if (found) findings.push({ container, reason: `process ${pid}: ${found.reason}`, hint: found.hint });
  }
  const tracer = /^TracerPid:\t(\d+)/m.exec(read(`${hostProc}/${pid}/status`))?.[1] ?? '0';
  if (tracer !== '0') findings.push({ container, reason: `process ${pid} is being traced`, hint: 'end the debugger or strace' });
  return findings.slice(0, 3);
}

/** An exec probe runs for a moment; a session of somebody's stays. */
const probeMs = 3_000;

/** Processes that came in by exec, and are still there after a probe would have ended. */
async function foreignFindings(container: NodeContainer): Promise<Finding[]> {
  const deadline = Date.now() + probeMs;
  let found = foreignProcesses(container, processesOf(container));
  while (found.length > 0 && Date.now() < deadline) {
    await delay(100);
    found = foreignProcesses(container, processesOf(container));
  }
  if (found.length === 0) return [];
  const what = found.length === 1 ? 'a process' : `${found.length} processes`;
  return [
    {
      container: container.name,
      reason: `${what} started by exec would be lost (${found.map(commandOf).join(', ')})`,
      hint: 'end the kubectl exec session',
    },
  ];
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`${hostProc}/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`${hostProc}/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}

function memoryOf(pid: number): number {
  const rollup = read(`${hostProc}/${pid}/smaps_rollup`);
  const kilobytes = ['Private_Dirty', 'Shared_Dirty', 'Swap'].map((key) =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0),
  );
  return sum(kilobytes) * 1024;
}

function treeBytes(tree: Tree): number {
  return sum([...snapshotTree(tree).values()].map(({ kind, bytes }) => (kind === 'file' ? bytes : 0)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function commandOf(pid: number): string {
  return read(`${hostProc}/${pid}/comm`).trim();
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
