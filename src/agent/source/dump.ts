import { mkdirSync } from 'node:fs';
import { scaled } from '../../deadlines.ts';
import { criuConfig, criuEnvironment, sharedFlags } from '../criu/options.ts';
import { firstError } from '../criu/log.ts';
import { onHost, runOutlivingUs } from '../node/host.ts';
import { stage, stagingDir } from '../node/install.ts';
import type { NodeContainer } from '../runc/container.ts';
import { manageCgroupsMode } from '../cgroup/freezer.ts';
import { whileGrowing } from './stall.ts';

/** CRIU writes something all the time, if only to its log. */
const stallMs = 20_000;

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
    const dump = runOutlivingUs(folder, command, { env: criuEnvironment(config) });
    const grows = [onHost(`${folder}/images`), onHost(`${folder}/work`)];
    const { code, stderr } = await whileGrowing(
      dump,
      grows,
      scaled(stallMs),
      `the checkpoint of container ${container.name} does not go on`,
    );
    if (code === 0) return;
    const reason = await firstError(onHost(`${folder}/work/dump.log`));
    throw new Error(`cannot checkpoint container ${container.name}: ${reason ?? (stderr.trim() || `runc exited with ${code}`)}`);
  };
  return { container: container.name, images: onHost(`${folder}/images`), run };
}
