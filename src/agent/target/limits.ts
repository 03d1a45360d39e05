import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { containerCgroups, type RuntimeSpec } from '../runc/container.ts';

type Resources = NonNullable<NonNullable<RuntimeSpec['linux']>['resources']>;

/**
 * CRIU works inside the new container's cgroup: 100m of CPU, of the container or of its pod, made a restore 14 s
 * instead of 1.4 s, a limit of five processes made it fail. So a container's limits are left out of its bundle for the restore.
 *
 * @returns the words by which the runtime sets them again (`RUNTIME update WORDS ID`: systemd must know them, and would undo what
 * is written past it), and what puts the bundle back as it was
 */
export function suspendLimits(bundle: string): { readonly words: readonly string[]; readonly restoreBundle: () => void } {
  const file = onHost(`${bundle}/config.json`);
  const original = readFileSync(file, 'utf8');
  const spec = JSON.parse(original) as RuntimeSpec;
  const resources = spec.linux?.resources;
  const words = limitWords(resources);
  if (resources && words.length > 0) {
    if (resources.cpu) delete resources.cpu['quota'];
    // Left out, the container would get systemd's default. Where no limit was, none is to be set.
    if (resources.pids && hasProcessLimit(resources)) resources.pids.limit = -1;
    writeFileSync(file, JSON.stringify(spec));
  }
  return { words, restoreBundle: () => words.length > 0 && writeFileSync(file, original) };
}

export function limitWords(resources: Resources | undefined): string[] {
  const { quota, period = 100_000 } = (resources?.cpu ?? {}) as { quota?: number; period?: number };
  return [
    ...(quota !== undefined && quota > 0 ? ['--cpu-period', String(period), '--cpu-quota', String(quota)] : []),
    ...(hasProcessLimit(resources) ? ['--pids-limit', String(resources?.pids?.limit)] : []),
  ];
}

function hasProcessLimit(resources: Resources | undefined): boolean {
  return (resources?.pids?.limit ?? 0) > 0;
}

/**
 * The same for the CPU limit of the pod as a whole, in its cgroup; written directly, so that the kubelet's and systemd's own
 * record of it stays.
 *
 * @param sandboxId the pod's sandbox, whose cgroup lies in the pod's
 * @returns what sets it again
 */
export function suspendPodLimit(runcRoot: string, sandboxId: string): () => void {
  const cgroups = containerCgroups(runcRoot, sandboxId);
  const [path, none] =
    [cgroups[''] ?? '', cgroups['cpu'] ?? '']
      .flatMap((folder) => [[onHost(`${folder}/../cpu.max`), 'max'] as const, [onHost(`${folder}/../cpu.cfs_quota_us`), '-1'] as const])
      .find(([file]) => existsSync(file)) ?? [];
  if (path === undefined || none === undefined) return () => undefined;
  const value = readFileSync(path, 'utf8').trim();
  if (value.startsWith(none)) return () => undefined;
  writeFileSync(path, none);
  return () => writeFileSync(path, value);
}
