import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onHost } from './host.ts';

/** What became of the limits of the agent's own container and of its pod, e.g. `cpu 200m`, `memory 256Mi`. */
export interface OwnLimits {
  readonly lifted: readonly string[];
  /** With the reason. */
  readonly left: readonly string[];
}

interface Limit {
  readonly controller: 'cpu' | 'memory';
  readonly file: string;
  readonly unlimited: string;
  /** What a limit means to its reader; undefined for none. */
  readonly text: (value: string, folder: string) => string | undefined;
}

const noBytes = 2 ** 60;
const bytesText = (value: string): string | undefined => {
  const bytes = Number(value);
  return value === 'max' || bytes >= noBytes ? undefined : `memory ${Math.round(bytes / 2 ** 20)}Mi`;
};
const cpuText = (quota: number, period: number): string => `cpu ${Math.round((quota / period) * 1000)}m`;

const limits: Readonly<Record<1 | 2, readonly Limit[]>> = {
  1: [
    {
      controller: 'cpu',
      file: 'cpu.cfs_quota_us',
      unlimited: '-1',
      text: (value, folder) => (Number(value) < 0 ? undefined : cpuText(Number(value), Number(read(join(folder, 'cpu.cfs_period_us'))))),
    },
    { controller: 'memory', file: 'memory.memsw.limit_in_bytes', unlimited: '-1', text: bytesText },
    { controller: 'memory', file: 'memory.limit_in_bytes', unlimited: '-1', text: bytesText },
  ],
  2: [
    {
      controller: 'cpu',
      file: 'cpu.max',
      unlimited: 'max',
      text: (value) => {
        const [quota = 'max', period] = value.split(' ');
        return quota === 'max' ? undefined : cpuText(Number(quota), Number(period));
      },
    },
    { controller: 'memory', file: 'memory.high', unlimited: 'max', text: bytesText },
    { controller: 'memory', file: 'memory.max', unlimited: 'max', text: bytesText },
  ],
};

let told: OwnLimits | undefined;

/** What {@link liftOwnLimits} did when this was first asked: as early as can be, because an agent that is throttled takes a minute to start. */
export function ownLimits(): OwnLimits {
  return (told ??= liftOwnLimits());
}

/**
 * Takes the limits of processor time and memory off this agent, which a LimitRange may have given to its pod: throttled, it
 * would make a freeze many times as long, and short of memory it would be killed in it. The agent is root on the node, lives for
 * minutes, and touches nobody else's limits.
 *
 * @param membership the content of /proc/self/cgroup
 * @param root where the node's cgroups are mounted
 */
export function liftOwnLimits(
  membership: string = readFileSync('/proc/self/cgroup', 'utf8'),
  root: string = onHost('/sys/fs/cgroup'),
): OwnLimits {
  const version = versionOf(root);
  const lifted = new Set<string>();
  const left = new Set<string>();
  for (const { controller, file, unlimited, text } of limits[version]) {
    const own = ownFolder(membership, root, version, controller);
    if (own === undefined) continue;
    // From above: with version 1 no quota may be larger than the one above it.
    // The pod's is the sum of its containers' and is told by theirs.
    const ofPod = isPods(dirname(own)) ? [dirname(own)] : [];
    const isOwn = text(read(join(own, file)), own) !== undefined;
    for (const folder of [...ofPod, own]) {
      const limit = text(read(join(folder, file)), folder);
      if (limit === undefined) continue;
      try {
        writeFileSync(join(folder, file), unlimited);
        if (folder === own || !isOwn) lifted.add(limit);
      } catch (error) {
        left.add(`${limit} (${(error as Error).message})`);
      }
    }
  }
  return { lifted: [...lifted], left: [...left] };
}

/** What a cgroup has of whom nobody says how much he counts. */
const usualWeight = { 1: { file: 'cpu.shares', weight: 1024 }, 2: { file: 'cpu.weight', weight: 100 } } as const;

/**
 * Lets this agent count as much as anybody where processors are short, while its pod stands still: the little that its pod
 * requests would give it what others leave. Not before: that is taken from other pods of its class, and the moving pod may be one.
 * What guaranteed pods and the system get lies above, and stays. Nothing of it is left when the helper has ended.
 */
export function raiseOwnWeight(
  membership: string = readFileSync('/proc/self/cgroup', 'utf8'),
  root: string = onHost('/sys/fs/cgroup'),
): void {
  const version = versionOf(root);
  const { file, weight } = usualWeight[version];
  const own = ownFolder(membership, root, version, 'cpu');
  if (own === undefined) return;
  for (const folder of [...(isPods(dirname(own)) ? [dirname(own)] : []), own]) {
    try {
      if (Number(read(join(folder, file))) < weight) writeFileSync(join(folder, file), String(weight));
    } catch {
      // slower then, and not wrong
    }
  }
}

function versionOf(root: string): 1 | 2 {
  return existsSync(join(root, 'cgroup.controllers')) ? 2 : 1;
}

/** Only the pod's own cgroup is above the container's; what is above that is everybody's. */
function isPods(folder: string): boolean {
  return /pod[0-9a-f]{8}[-_]/.test(folder.split('/').at(-1) ?? '');
}

/** Undefined when this process is in the root, where it has no limits, or the controller is not there. */
function ownFolder(membership: string, root: string, version: 1 | 2, controller: string): string | undefined {
  for (const line of membership.split('\n')) {
    const [, controllers = '', path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined || path === '/') continue;
    if (version === 2 && controllers === '') return join(root, path);
    if (version === 1 && controllers.split(',').includes(controller)) {
      return [controllers, controller].map((mount) => join(root, mount, path)).find(existsSync);
    }
  }
  return undefined;
}

/** `max` for a file that is not there: a controller that is off limits nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'max';
  }
}
