import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { FindingCode } from '../../preflight/catalogue.ts';
import { connectionsText } from '../../preflight/connections.ts';
import { finding, type Finding, type Subject } from '../../preflight/finding.ts';
import type { Inspection } from '../../protocol/agent-calls.ts';
import { TreePacker } from '../files/packer.ts';
import type { Tree } from '../files/tree.ts';
import { nodeFacts } from '../node/facts.ts';
import { isFrozen, isParentFrozen } from '../cgroup/freezer.ts';
import { hostProc } from '../node/host.ts';
import { connectionsOf } from '../proc/connections.ts';
import { foreignProcesses, processesOf } from '../proc/processes.ts';
import type { NodeContainer } from '../runc/container.ts';
import type { SourcePod } from './pod.ts';
import { hanging, undumpable } from './undumpable.ts';

/** Looks at the processes of a pod for what CRIU cannot dump, so that it is named before anything is touched. */
export async function inspect(pod: SourcePod, addresses: readonly string[]): Promise<Inspection> {
  const findings: Finding[] = connectionFindings(pod, addresses);
  let memoryBytes = 0;
  for (const container of pod.containers) {
    const processes = processesOf(container);
    const isStill = isFrozen(container) || isParentFrozen(container);
    if (isStill) findings.push(frozenFinding(container));
    for (const pid of processes) {
      memoryBytes += memoryOf(pid);
      findings.push(...processFindings(container.name, pid), ...undumpable(container.name, pid));
    }
    const [foreign, hung] = await Promise.all([foreignFindings(container), isStill ? [] : hanging(container.name, processes)]);
    findings.push(...foreign, ...hung);
  }
  return { facts: await nodeFacts(), memoryBytes, ...(await filesOf(pod.trees)), findings };
}

function connectionFindings({ name, containers }: SourcePod, addresses: readonly string[]): Finding[] {
  const text = containers[0] && connectionsText(connectionsOf(containers[0].initPid, addresses));
  return text === undefined ? [] : [finding('KM-CONNECTIONS', { kind: 'pod', name }, `connections to the outside, just now: ${text}`)];
}

function frozenFinding({ name }: NodeContainer): Finding {
  const on: Subject = { kind: 'container', name };
  return finding('KM-FROZEN', on, `container ${name} is frozen already, by somebody else`, 'thaw it first');
}

const impossible: readonly { readonly link: RegExp; readonly code: FindingCode; readonly text: string; readonly remedy: string }[] = [
  {
    link: /^anon_inode:\[io_uring\]$/,
    code: 'KM-IO-URING',
    text: 'uses io_uring, which CRIU cannot dump (checkpoint-restore/criu issue 2131)',
    remedy: 'start it with seccompProfile RuntimeDefault (which forbids io_uring; Node.js and others then do without)',
  },
  {
    link: /^anon_inode:\[userfaultfd\]$/,
    code: 'KM-USERFAULTFD',
    text: 'uses userfaultfd, which CRIU cannot dump',
    remedy: 'switch that feature of the program off',
  },
  {
    link: /^anon_inode:\[perf_event\]$/,
    code: 'KM-PERF-EVENT',
    text: 'holds a performance counter, which CRIU cannot dump',
    remedy: 'stop the profiler',
  },
  {
    link: /^\/dev\/(kvm|fuse|nvidia|dri|vfio)/,
    code: 'KM-DEVICE',
    text: 'holds a device, whose state CRIU cannot dump',
    remedy: 'close the device first',
  },
];

function processFindings(container: string, pid: number): Finding[] {
  const on: Subject = { kind: 'container', name: container };
  const who = `container ${container}: process ${pid} (${commandOf(pid)})`;
  const open = new Set(openFiles(pid).flatMap((target) => impossible.find(({ link }) => link.test(target)) ?? []));
  return [...open].map(({ code, text, remedy }) => finding(code, on, `${who} ${text}`, remedy));
}

/** An exec probe runs for a moment; a session of somebody's stays. */
const probeMs = 3_000;

/** Processes that came in by exec, and are still there after a probe would have ended. */
async function foreignFindings(container: NodeContainer): Promise<Finding[]> {
  const deadline = Date.now() + scaled(probeMs);
  let found = foreignProcesses(container, processesOf(container));
  while (found.length > 0 && Date.now() < deadline) {
    await delay(100);
    found = foreignProcesses(container, processesOf(container));
  }
  if (found.length === 0) return [];
  const what = found.length === 1 ? 'a process' : `${found.length} processes`;
  return [
    finding(
      'KM-EXEC-SESSION',
      { kind: 'container', name: container.name },
      `container ${container.name}: ${what} started by exec would be lost (${found.map(commandOf).join(', ')})`,
      'end the kubectl exec session',
    ),
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

/** A file that was written a moment ago is likely to be written again before the freeze. */
const dirtyMs = 30_000;

async function filesOf(trees: readonly Tree[]): Promise<{ fileBytes: number; dirtyBytes: number }> {
  const sizes = await Promise.all(
    trees.map(async (tree) => {
      const packer = TreePacker.start(tree);
      const size = await packer.bytes(dirtyMs);
      packer.end();
      return size;
    }),
  );
  return { fileBytes: sum(sizes.map(({ all }) => all)), dirtyBytes: sum(sizes.map(({ young }) => young)) };
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
