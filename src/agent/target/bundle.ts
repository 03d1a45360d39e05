import { readFileSync, writeFileSync } from 'node:fs';
import { nodeDir, onHost, runOnHost } from '../node/host.ts';
import type { RuntimeSpec } from '../runc/container.ts';

/** Where the no-op binary appears in a container that has nothing to do. */
const noopInContainer = '/.kubectl-migrate-noop';

function specFile(bundle: string): string {
  return onHost(`${bundle}/config.json`);
}

/**
 * Makes an init container do nothing: its work was done at the source, and its traces travel with the volumes.
 * Only this container's bundle changes; the pod's specification stays as it is.
 */
export function makeNoop(bundle: string): void {
  const spec = JSON.parse(readFileSync(specFile(bundle), 'utf8')) as RuntimeSpec;
  spec.process.args = [noopInContainer];
  spec.mounts = [
    ...(spec.mounts ?? []),
    { destination: noopInContainer, type: 'bind', source: `${nodeDir}/noop`, options: ['bind', 'ro', 'nosuid', 'nodev'] },
  ];
  writeFileSync(specFile(bundle), JSON.stringify(spec));
}

/**
 * Takes the CPU and process limits out of a bundle for the restore, because CRIU works inside the container's cgroup:
 * 100m of CPU made a restore 14 s instead of 1.4 s, a limit of five processes made it fail (facts: tried, cgroup v2).
 *
 * @returns what puts them back, into the bundle and onto the running container; undefined when there are none
 */
export function liftLimits(bundle: string, runtime: string, runcRoot: string, containerId: string): (() => Promise<void>) | undefined {
  const original = readFileSync(specFile(bundle), 'utf8');
  const spec = JSON.parse(original) as RuntimeSpec;
  const resources = spec.linux?.resources;
  const { cpu, pids } = resources ?? {};
  const quota = cpu?.['quota'];
  const isLimited = (typeof quota === 'number' && quota > 0) || (pids?.limit ?? 0) > 0;
  if (!resources || !isLimited) return undefined;
  if (cpu) delete cpu['quota'];
  delete resources.pids;
  writeFileSync(specFile(bundle), JSON.stringify(spec));
  return async () => {
    writeFileSync(specFile(bundle), original);
    const options = [
      ...(typeof quota === 'number' && quota > 0 ? ['--cpu-quota', String(quota), '--cpu-period', String(cpu?.['period'] ?? 100_000)] : []),
      ...((pids?.limit ?? 0) > 0 ? ['--pids-limit', String(pids?.limit)] : []),
    ];
    const { code, stderr } = await runOnHost([runtime, '--root', runcRoot, 'update', ...options, containerId], { deadlineMs: 10_000 });
    if (code !== 0) throw new Error(`cannot set the limits of container ${containerId} again: ${stderr.trim()}`);
  };
}
