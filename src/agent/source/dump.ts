import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { criuConfig, criuEnvironment, sharedFlags } from '../criu/options.ts';
import { firstError } from '../criu/log.ts';
import { hostProc, onHost, runOutlivingUs } from '../node/host.ts';
import { stage, stagingDir } from '../node/install.ts';
import type { NodeContainer } from '../runc/container.ts';
import { manageCgroupsMode } from '../runc/freezer.ts';

export interface Dump {
  /** The container's name. */
  readonly container: string;
  /** CRIU's image folder, as this process sees it. */
  readonly images: string;
  readonly run: () => Promise<void>;
}

/**
 * Prepares the checkpoint of one frozen container.
 *
 * @returns its image folder, and `run`, which dumps and leaves the container frozen;
 *   `run` throws an Error with CRIU's own reason
 */
export async function prepareDump(migration: string, container: NodeContainer, runtime: string): Promise<Dump> {
  const folder = `${stagingDir(migration)}/source-${container.name}`;
  mkdirSync(onHost(`${folder}/images`), { recursive: true, mode: 0o700 });
  mkdirSync(onHost(`${folder}/work`), { recursive: true, mode: 0o700 });
  const config = await stage(migration, 'criu-dump.conf', criuConfig());
  const command = [
    runtime,
    '--root',
    container.runcRoot,
    'checkpoint',
    '--image-path',
    `${folder}/images`,
    '--work-path',
    `${folder}/work`,
    '--leave-running',
    '--tcp-skip-in-flight',
    ...sharedFlags(manageCgroupsMode(container)),
    container.id,
  ];
  const run = async (): Promise<void> => {
    const { code, stderr } = await runOutlivingUs(command, { env: criuEnvironment(config) });
    if (code === 0) return;
    const reason = await firstError(onHost(`${folder}/work/dump.log`));
    throw new Error(`cannot checkpoint container ${container.name}: ${reason ?? (stderr.trim() || `runc exited with ${code}`)}`);
  };
  return { container: container.name, images: onHost(`${folder}/images`), run };
}

/**
 * Waits until no dump of that migration runs any more, whoever started it. CRIU is never killed: its code may be running
 * inside the pod's processes, which would not survive that.
 *
 * @throws Error when one still runs after two minutes
 */
export async function untilNoDump(migration: string): Promise<void> {
  const folder = stagingDir(migration);
  const deadline = Date.now() + 120_000;
  while (readdirSync(hostProc).some((entry) => /^\d+$/.test(entry) && commandLine(entry).includes(folder))) {
    if (Date.now() > deadline) throw new Error('a checkpoint of the pod has been running for two minutes');
    await delay(50);
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`${hostProc}/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // ended while we looked
  }
}
