import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { nodeTree } from '../../bed/node-tree.ts';
import { requirePackages } from '../../build/apt.ts';
import { cached, contentsOf } from '../../build/cache.ts';
import { must, run, type RunResult } from '../../build/run.ts';
import { buildCriu } from '../../criu/build.ts';
import { imageTree } from '../../image/agent-image.ts';
import { copySelfContained } from '../../image/self-contained.ts';

/** Where the machine has its tools, and where tests may write; both are not there outside of it. */
export const tools = '/run/tools';
export const work = '/run/work';

/** Cgroups are the one thing that a machine shares with the others. */
export const cgroupPrefix = 'kubectl-migrate-criu-';

export interface Process {
  readonly pid: number;
  readonly name: string;
  readonly command: readonly string[];
  readonly parent: number;
  /** In a PID namespace below the machine's. */
  readonly isContained: boolean;
}

/** Namespaces with our CRIU and the bed's runc in them, and nothing running but what a test starts. */
export interface Machine {
  /** Runs a program inside, in the machine's own PID, mount and network namespace. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<RunResult>;
  /** The path outside of what has that path inside. */
  path(inside: string): string;
  /** All that are not dead, but for the machine's own. */
  processes(): Process[];
  close(): Promise<void>;
}

/** The machine ends with this process, however that ends, and with it all its processes and mounts. */
export async function startMachine(): Promise<Machine> {
  await requirePackages(['iproute2']);
  removeOldCgroups();
  const start = [
    'mount -t tmpfs tmpfs /run',
    `mkdir ${tools} ${work}`,
    `mount --bind "$0" ${tools}`,
    'mount -t tmpfs tmpfs /tmp',
    'ip link set lo up',
    'echo started',
    // Not exec: the first process of the namespace has to reap what others leave.
    'cat',
    'exit',
  ].join(' && ');
  const apart = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn('unshare', [...apart, 'sh', '-c', start, await toolFolder()], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('the machine did not start')))]);
  const init = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  const path = (inside: string): string => join(`/proc/${init}/root`, inside);
  return {
    path,
    run: async (command, env = {}) => {
      const variables = Object.entries({ PATH: `${tools}/criu/bin:${tools}/runc/bin:/usr/sbin:/usr/bin:/sbin:/bin`, ...env });
      const entered = ['nsenter', `--target=${init}`, '--mount', '--pid', '--net', '--ipc', '--uts', 'env'];
      return await run([...entered, ...variables.map(([name, value]) => `${name}=${value}`), ...command]);
    },
    processes: () =>
      readdirSync(path('/proc'))
        .filter((name) => /^\d+$/.test(name) && name !== '1')
        .flatMap((pid) => processIn(path(`/proc/${pid}`)))
        .filter(({ name }) => name !== 'cat'),
    close: async () => {
      child.stdin.end();
      await ended;
      removeOldCgroups();
    },
  };
}

/** None if it is gone or a zombie. */
function processIn(folder: string): Process[] {
  try {
    const status = readFileSync(join(folder, 'status'), 'latin1');
    const field = (name: string): string => new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)?.[1] ?? '';
    if (/^[ZX]/.test(field('State'))) return [];
    const command = readFileSync(join(folder, 'cmdline'), 'latin1').split('\0');
    const isContained = /\s/.test(field('NSpid'));
    return [{ pid: Number(field('Pid')), name: field('Name'), command, parent: Number(field('PPid')), isContained }];
  } catch {
    return [];
  }
}

/** Those that a machine left which was killed; one that is in use stays. */
function removeOldCgroups(): void {
  const mounted = '/sys/fs/cgroup';
  for (const folder of [mounted, ...readdirSync(mounted).map((name) => join(mounted, name))]) {
    for (const name of foldersIn(folder).filter((one) => one.startsWith(cgroupPrefix))) {
      try {
        rmdirSync(join(folder, name));
      } catch {
        // Somebody else's.
      }
    }
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Our CRIU as the image has it, the bed's runc, and the programs that are checkpointed. */
async function toolFolder(): Promise<string> {
  const [image, node] = [await imageTree(), await nodeTree()];
  const criu = await buildCriu(image);
  const sources = ['listener.c', 'stepper.c', '../workloads/timer.c'].map((name) => join(import.meta.dirname, name));
  return await cached('test-criu', [criu.program, node, ...(await contentsOf([import.meta.filename, ...sources]))], async (draft) => {
    await requirePackages(['binutils', 'musl-tools', 'patchelf']);
    await copySelfContained(image, [criu.program], join(draft, 'criu'), `${tools}/criu`);
    await copySelfContained(node, [join(node, 'usr/sbin/runc')], join(draft, 'runc'), `${tools}/runc`);
    await mkdir(join(draft, 'programs'));
    const flags = ['-static', '-O2', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
    for (const source of sources) await must(['musl-gcc', ...flags, '-o', join(draft, 'programs', basename(source, '.c')), source]);
    await chmod(draft, 0o755);
  });
}
