import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { RunResult } from '../../build/run.ts';
import { criuConfig, sharedFlags } from '../../src/agent/criu/options.ts';
import { cgroupPrefix, tools, work, type Machine } from './machine.ts';

export const rootfs = `${work}/rootfs`;
export const images = `${work}/images`;
const log = `${work}/log`;
export const restoreLog = `${log}/restore.log`;
const script = `${work}/script`;
const configFile = `${work}/criu.conf`;
/** Another for each start and restore, so that none fails only because of what another left. */
let id = '';

/** CRIU maps and unmaps in the program's name, which the program itself may be forbidden. */
const seccomp = {
  defaultAction: 'SCMP_ACT_ALLOW',
  architectures: ['SCMP_ARCH_X86_64'],
  syscalls: [{ names: ['munmap', 'ptrace'], action: 'SCMP_ACT_ERRNO' }],
};

/** Makes the bundle of the one container of a machine and starts a program of this folder in it, in the machine's network. */
export async function startContainer(machine: Machine, program: string, ...args: readonly string[]): Promise<void> {
  await start(machine, {}, program, ...args);
}

/** @param tmpfs where the container has file systems in memory, besides /dev */
export async function startMounted(machine: Machine, tmpfs: readonly string[], program: string, ...args: readonly string[]): Promise<void> {
  await start(machine, { tmpfs }, program, ...args);
}

/** The same with a root that cannot be written to. Nothing is in it but the program, and what is mounted into it. */
export async function startReadOnly(machine: Machine, program: string, ...args: readonly string[]): Promise<void> {
  await start(machine, { isReadOnly: true }, program, ...args);
}

interface Files {
  readonly tmpfs?: readonly string[];
  readonly isReadOnly?: boolean;
}

async function start(machine: Machine, files: Files, program: string, ...args: readonly string[]): Promise<void> {
  const inside = machine.path(rootfs);
  for (const folder of ['proc', 'dev']) await mkdir(join(inside, folder), { recursive: true });
  await copyFile(machine.path(`${tools}/programs/${program}`), join(inside, program));
  id = randomUUID();
  await writeFile(machine.path(`${work}/config.json`), JSON.stringify(bundle([`/${program}`, ...args], files)));
  requireSuccess(await detached(machine, ['run', '--detach', '--bundle', work, id]));
}

function bundle(args: readonly string[], { tmpfs = [], isReadOnly = false }: Files): object {
  return {
    ociVersion: '1.0.2',
    process: { terminal: false, user: { uid: 0, gid: 0 }, args, env: ['PATH=/'], cwd: '/' },
    root: { path: rootfs, readonly: isReadOnly },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      ...['/dev', ...tmpfs].map((destination) => ({ destination, type: 'tmpfs', source: 'tmpfs' })),
    ],
    linux: {
      cgroupsPath: `/${cgroupPrefix}${randomUUID()}`,
      seccomp,
      namespaces: [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, { type: 'network', path: '/proc/1/ns/net' }],
    },
  };
}

/** The container's processes stand still, as they do before a dump. */
export async function pause(machine: Machine): Promise<void> {
  requireSuccess(await machine.run(['runc', 'pause', id]));
}

/** Dumps the container as the agent does; it ends. */
export async function checkpoint(machine: Machine): Promise<void> {
  await writeFile(machine.path(configFile), criuConfig());
  for (const folder of [images, log]) await mkdir(machine.path(folder), { recursive: true });
  const flags = ['--image-path', images, '--work-path', log, ...sharedFlags('ignore')];
  const result = await machine.run(['runc', 'checkpoint', ...flags, id], { CRIU_CONFIG_FILE: configFile });
  if (result.code !== 0) throw new Error(`${result.stderr}\n${await readFile(machine.path(`${log}/dump.log`), 'utf8')}`);
}

/** Restores the container; the script is called by CRIU. @returns runc's exit code, 137 if it hung for 20 s */
export async function restore(machine: Machine, body = 'exit 0'): Promise<number> {
  id = randomUUID();
  await writeFile(machine.path(script), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  await writeFile(machine.path(configFile), criuConfig(script));
  await rm(machine.path(log), { recursive: true, force: true });
  await mkdir(machine.path(log));
  const flags = ['--detach', '--bundle', work, '--image-path', images, '--work-path', log, ...sharedFlags('ignore')];
  const { code } = await detached(machine, ['restore', ...flags, id]);
  return code;
}

/** runc hands its standard streams on to a detached container: none of ours. */
async function detached(machine: Machine, args: readonly string[]): Promise<RunResult> {
  const inside = ['sh', '-c', 'timeout -s KILL 20 runc "$@" > /dev/null 2>&1 < /dev/null; exit $?', 'runc', ...args];
  return await machine.run(inside, { CRIU_CONFIG_FILE: configFile });
}

/** Ends what is left of the container, also of one that runc does not know. */
export async function remove(machine: Machine): Promise<void> {
  await machine.run(['runc', 'delete', '--force', id]);
  const left = machine.processes().map(({ pid }) => `${pid}`);
  if (left.length > 0) await machine.run(['kill', '-KILL', ...left]);
}

function requireSuccess({ code, stderr }: RunResult): void {
  if (code !== 0) throw new Error(`runc failed with exit code ${code}: ${stderr}`);
}
