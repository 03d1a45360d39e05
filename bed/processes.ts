import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cgroupMembers, thawCgroups } from './cgroups.ts';
import { stateDir } from './layout.ts';
import { networkNamespaces } from './network.ts';

/** A process of the bed. PIDs are used again, so the start time goes with it. */
export interface BedProcess {
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

/** One file for each, as daemons are started side by side. */
const recordDir = join(stateDir, 'processes');

/** Starts a daemon that outlives us; its output goes to `logs/NAME.log`. */
export async function startDaemon(name: string, command: readonly string[]): Promise<void> {
  const logFile = join(stateDir, 'logs', `${name}.log`);
  await mkdir(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const [program = '', ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  await new Promise<void>((resolve, reject) => child.once('spawn', () => resolve()).once('error', reject));
  child.unref();
  const pid = child.pid ?? 0;
  await mkdir(recordDir, { recursive: true });
  await writeFile(join(recordDir, name), JSON.stringify({ name, pid, startTime: startTimeOf(pid) ?? '' }));
}

export async function recordedProcesses(): Promise<BedProcess[]> {
  const names = await readdir(recordDir).catch(() => []);
  const texts = await Promise.all(names.map(async (name) => readFile(join(recordDir, name), 'utf8')));
  return texts.filter((text) => text !== '').map((text) => JSON.parse(text) as BedProcess);
}

export function isAlive({ pid, startTime }: BedProcess): boolean {
  return startTimeOf(pid) === startTime;
}

/** Field 22 of /proc/PID/stat, and undefined for a process that is gone or only waits to be reaped. */
function startTimeOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/**
 * Ends all processes of the bed: those recorded, those in its network namespaces and those in its cgroups. The first
 * process of a node takes its whole PID namespace with it, containers included. The frozen ones die when they are thawed, before
 * they would run: SIGKILL waits for them.
 */
export async function endProcesses(): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (let pids = await bedProcesses(); pids.length > 0; pids = await bedProcesses()) {
    if (Date.now() > deadline) throw new Error(`processes of the bed do not end: ${pids.join(', ')}`);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended meanwhile
      }
    }
    thawCgroups();
    await delay(100);
  }
}

async function bedProcesses(): Promise<number[]> {
  const recorded = (await recordedProcesses()).filter(isAlive).map(({ pid }) => pid);
  const networks = new Set((await networkNamespaces()).map((name) => inodeOf(`/run/netns/${name}`)));
  const strays = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && startTimeOf(Number(entry)) !== undefined)
    .filter((pid) => networks.has(inodeOf(`/proc/${pid}/ns/net`) ?? -1))
    .map(Number);
  return [...new Set([...recorded, ...strays, ...cgroupMembers()])].filter((pid) => pid !== process.pid);
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}
