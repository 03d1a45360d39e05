import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** Where the node's /proc is mounted in the helper pod. Its process 1 gives the node's namespaces and root. */
export const hostProc = '/host/proc';
/** The only folder that a migration makes on a node; it is gone when the last migration there has ended. */
export const nodeDir = '/var/lib/kubectl-migrate';
/** What a migration knows of its pod while it is under way, in memory: it goes with a reboot, as the pod's processes do. */
export const runDir = '/run/kubectl-migrate';
/** The static binary that enters the node's namespaces for us (native/host-exec.c). */
const hostExec = '/agent/host-exec';

/** The path under which a file of the node is seen from the helper's container. */
export function onHost(path: string): string {
  return `${hostProc}/1/root${path}`;
}

/** The path on the node of what {@link onHost} names. */
export function onNode(path: string): string {
  return path.slice(onHost('').length);
}

export interface HostCommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** Open files of ours that the command gets as its descriptors 0, 3, 4, …; without them its input is empty. */
  readonly files?: readonly (number | 'ignore')[];
}

export interface HostCommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the node in all namespaces of the node. Never throws for a non-zero exit code. */
export async function runOnHost(command: readonly string[], options: HostCommandOptions = {}): Promise<HostCommandResult> {
  return await run(['enter', hostProc, ...command], options);
}

/**
 * The same for a program that must come to its end even when this agent is killed: CRIU, above all.
 *
 * @param folder the migration's staging folder, in which it works: by that the source guard knows it (native/dumps.c)
 */
export async function runOutlivingUs(
  folder: string,
  command: readonly string[],
  options: HostCommandOptions = {},
): Promise<HostCommandResult> {
  return await run(['outlive', hostProc, folder, ...command], options);
}

/** Starts a program that outlives us and talks to us; its standard error is ours. */
export function startOutlivingUs(command: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  return spawn(hostExec, ['outlive', hostProc, '/', ...command], { env: standardEnv, stdio: ['pipe', 'pipe', 'inherit'] });
}

/**
 * Runs one of our own tools with `folder` as /d of an otherwise empty root, so that no name and no symbolic link in
 * that folder can lead out of it: its content comes from somebody else's pod, or from another node.
 *
 * @param folder absolute path on the node
 */
export async function runJailed(folder: string, command: readonly string[], options: HostCommandOptions = {}): Promise<HostCommandResult> {
  return await run(['jail', hostProc, folder, ...command], { ...options, env: { ...toolPath, ...options.env } });
}

/** Where {@link startJailed} has the folder beside the tool's own. */
export const besideJailed = '/o';

/**
 * The same for a tool that we talk with: it must end when its input does, as ours does when this agent is killed.
 *
 * @param beside absolute path on the node of a second folder, which can be read there
 */
export function startJailed(folder: string, command: readonly string[], beside?: string): ChildProcess {
  const jail = beside === undefined ? ['jail', hostProc, folder] : ['jail-beside', hostProc, folder, beside];
  return spawn(hostExec, [...jail, ...command], { env: toolPath, stdio: ['pipe', 'pipe', 'pipe'] });
}

const standardEnv = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const toolPath = { PATH: `${nodeDir}/tools/bin` };

async function run(args: readonly string[], options: HostCommandOptions): Promise<HostCommandResult> {
  const [input = 'ignore', ...more] = options.files ?? [];
  const child = spawn(hostExec, args, {
    env: { ...standardEnv, ...options.env },
    stdio: [input, 'pipe', 'pipe', ...more],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const timer = options.deadlineMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), options.deadlineMs);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exit, signal) => resolve(exit ?? (signal === 'SIGKILL' ? 137 : 128)));
    });
    return { code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') };
  } finally {
    clearTimeout(timer);
  }
}
