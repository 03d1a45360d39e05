import { existsSync, readFileSync, readlinkSync, readdirSync, statfsSync } from 'node:fs';
import { basename } from 'node:path';
import type { NodeRoom } from '../../protocol/agent-calls.ts';
import { hostProc, nodeDir, onHost } from './host.ts';

/** What the node has free for a pod that comes, and for what is staged on its disk. */
export function nodeRoom(): NodeRoom {
  const { disk, memory } = evictionThresholds();
  // Before the first migration the folder is not there yet.
  const folder = [nodeDir, '/var/lib', '/'].map(onHost).find((path) => existsSync(path)) ?? '/';
  const { bavail, blocks, bsize } = statfsSync(folder);
  const meminfo = readFileSync('/proc/meminfo', 'utf8');
  const memoryOf = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  return {
    diskFreeBytes: bavail * bsize,
    diskKeptBytes: thresholdBytes(disk, blocks * bsize),
    memoryFreeBytes: memoryOf('MemAvailable'),
    memoryKeptBytes: thresholdBytes(memory, memoryOf('MemTotal')),
  };
}

interface Thresholds {
  /** As Kubernetes writes an amount: `10%`, `100Mi`. */
  readonly disk: string;
  readonly memory: string;
}

/** The kubelet's own, when nobody tells it otherwise (pkg/kubelet/eviction/defaults_linux.go). */
const usual: Thresholds = { disk: '10%', memory: '100Mi' };

/**
 * Below these amounts the node's kubelet evicts pods. Read from the configuration that it was started with. A process of a pod
 * that calls itself kubelet is not asked: it has another mount namespace.
 */
function evictionThresholds(): Thresholds {
  const arguments_ = kubeletArguments();
  const config = /(?:^|\0)--config(?:=|\0)([^\0]+)/.exec(arguments_)?.[1];
  const told = [arguments_, config === undefined ? '' : read(onHost(config))].join('\n');
  return { disk: thresholdIn(told, 'nodefs.available') ?? usual.disk, memory: thresholdIn(told, 'memory.available') ?? usual.memory };
}

/**
 * An amount of a signal in YAML, in JSON or in the flag `--eviction-hard`; the first that is found. Soft thresholds have the same
 * form, and come after the hard ones in none of them but by chance: then a node is taken for fuller than it is.
 */
export function thresholdIn(text: string, signal: string): string | undefined {
  return new RegExp(`${signal.replace('.', '\\.')}["']?\\s*[:<]\\s*["']?([0-9.]+(?:%|[KMGT]i?)?)`).exec(text)?.[1];
}

const units: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

export function thresholdBytes(amount: string, total: number): number {
  const [, number, unit = ''] = /^([0-9.]+)(.*)$/.exec(amount) ?? [];
  return unit === '%' ? (total * Number(number)) / 100 : Number(number) * (units[unit] ?? 1);
}

/** Its command line, with a zero byte behind every word; empty when there is none (k3s has it inside another program). */
function kubeletArguments(): string {
  const nodes = linkOf(`${hostProc}/1/ns/mnt`);
  const pid = readdirSync(hostProc)
    .filter((entry) => /^\d+$/.test(entry))
    .find(
      (entry) =>
        basename(read(`${hostProc}/${entry}/cmdline`).split('\0')[0] ?? '') === 'kubelet' &&
        linkOf(`${hostProc}/${entry}/ns/mnt`) === nodes,
    );
  return pid === undefined ? '' : read(`${hostProc}/${pid}/cmdline`);
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // ended while we looked
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
