import { readFileSync, writeFileSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { containerCgroups, type RuntimeSpec } from '../runc/container.ts';

/** A limit as a cgroup file has it, to be written when the restore is over. */
interface Limit {
  /** Which hierarchy of version 1 has the file. */
  readonly controller: string;
  readonly file: string;
  readonly value: string;
}

/**
 * CRIU works inside the new container's cgroup: 100m of CPU, of the container or of its pod, made a restore 14 s
 * instead of 1.4 s, a limit of five processes made it fail. So the limits are left out for
 * the restore: the container's by way of its bundle, the pod's in its cgroup.
 *
 * @param sandboxId the pod's sandbox, whose cgroup lies in the pod's
 * @returns what puts all limits back; safe to call when the container is gone
 */
export function suspendLimits(bundle: string, runcRoot: string, containerId: string, sandboxId: string): () => void {
  const file = onHost(`${bundle}/config.json`);
  const original = readFileSync(file, 'utf8');
  const spec = JSON.parse(original) as RuntimeSpec;
  const resources = spec.linux?.resources;
  const limits = limitsOf(resources);
  if (resources && limits.length > 0) {
    if (resources.cpu) delete resources.cpu['quota'];
    delete resources.pids;
    writeFileSync(file, JSON.stringify(spec));
  }
  const pod = suspendPodLimit(runcRoot, sandboxId);
  return () => {
    pod();
    if (limits.length === 0) return;
    writeFileSync(file, original);
    const cgroups = containerCgroups(runcRoot, containerId);
    for (const limit of limits) setLimit(cgroups, limit);
  };
}

function limitsOf(resources: NonNullable<RuntimeSpec['linux']>['resources']): Limit[] {
  const { quota, period = 100_000 } = (resources?.cpu ?? {}) as { quota?: number; period?: number };
  const processes = resources?.pids?.limit ?? 0;
  return [
    ...(quota !== undefined && quota > 0
      ? [
          { controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(quota) },
          { controller: '', file: 'cpu.max', value: `${quota} ${period}` },
        ]
      : []),
    ...(processes > 0
      ? [
          { controller: 'pids', file: 'pids.max', value: String(processes) },
          { controller: '', file: 'pids.max', value: String(processes) },
        ]
      : []),
  ];
}

/** The hierarchy of version 2 has the empty name; a file of the other version is not there and is left out. */
function setLimit(cgroups: Readonly<Record<string, string>>, { controller, file, value }: Limit): void {
  const folder = cgroups[controller];
  if (folder !== undefined) writeFileSync(onHost(`${folder}/${file}`), value);
}

function suspendPodLimit(runcRoot: string, sandboxId: string): () => void {
  const cgroups = containerCgroups(runcRoot, sandboxId);
  const [folder, file, none] = cgroups[''] === undefined ? [cgroups['cpu'], 'cpu.cfs_quota_us', '-1'] : [cgroups[''], 'cpu.max', 'max'];
  if (folder === undefined) return () => undefined;
  const path = onHost(`${folder}/../${file}`);
  const value = readFileSync(path, 'utf8').trim();
  if (value.startsWith(none)) return () => undefined;
  writeFileSync(path, none);
  return () => writeFileSync(path, value);
}
