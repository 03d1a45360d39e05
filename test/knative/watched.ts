import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { insideBed, mustIn } from '../../bed/bed.ts';
import { workloadNamespace } from '../../bed/layout.ts';
import type { KubeList, KubeObject } from '../../src/kube/types.ts';

/** Collections of the home cluster's workload namespace, by the name of their kind. */
const collections: Readonly<Record<string, string>> = {
  Service: '/apis/serving.knative.dev/v1/namespaces/NS/services',
  Configuration: '/apis/serving.knative.dev/v1/namespaces/NS/configurations',
  Route: '/apis/serving.knative.dev/v1/namespaces/NS/routes',
  Revision: '/apis/serving.knative.dev/v1/namespaces/NS/revisions',
  PodAutoscaler: '/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/NS/podautoscalers',
  ServerlessService: '/apis/networking.internal.knative.dev/v1alpha1/namespaces/NS/serverlessservices',
  Deployment: '/apis/apps/v1/namespaces/NS/deployments',
  ReplicaSet: '/apis/apps/v1/namespaces/NS/replicasets',
  Pod: '/api/v1/namespaces/NS/pods',
  Endpoints: '/api/v1/namespaces/NS/endpoints',
};
export type WatchedKind =
  | 'Service'
  | 'Configuration'
  | 'Route'
  | 'Revision'
  | 'PodAutoscaler'
  | 'ServerlessService'
  | 'Deployment'
  | 'ReplicaSet'
  | 'Pod'
  | 'Endpoints';

/** One state of an object: as it was when the watch began, or as it became. */
export interface Seen {
  readonly kind: WatchedKind;
  readonly type: 'FIRST' | 'ADDED' | 'MODIFIED' | 'DELETED';
  /** When we heard of it, ms since 1970. */
  readonly ms: number;
  readonly object: KubeObject & Record<string, unknown>;
}

export interface Watched {
  /** Ends the watch. @returns all states of all objects, none left out, from the call of {@link watchAll} to this one's */
  readonly stop: () => Promise<readonly Seen[]>;
}

/** Watches everything of these kinds, from the resourceVersion of now. */
export async function watchAll(kinds: readonly WatchedKind[]): Promise<Watched> {
  const watches = await Promise.all(kinds.map(watchOne));
  return { stop: async () => (await Promise.all(watches.map(async ({ stop }) => stop()))).flat().toSorted((a, b) => a.ms - b.ms) };
}

async function watchOne(kind: WatchedKind): Promise<Watched> {
  const path = (collections[kind] ?? '').replace('NS', workloadNamespace);
  const first = await listOf(path);
  const seen: Seen[] = first.items.map((object) => ({ kind, type: 'FIRST', ms: Date.now(), object }));
  const query = `watch=1&timeoutSeconds=3600&resourceVersion=${first.metadata.resourceVersion}`;
  const { command, env } = await insideBed(['kubectl', '--context', 'home', 'get', '--raw', `${path}?${query}`]);
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let failure: unknown;
  createInterface(child.stdout).on('line', (line) => {
    const { type, object } = JSON.parse(line) as { type: Seen['type'] | 'ERROR'; object: Seen['object'] };
    if (type === 'ERROR') failure = new Error(`the watch of ${kind} broke: ${line}`);
    else seen.push({ kind, type, ms: Date.now(), object });
  });
  const stop = async (): Promise<readonly Seen[]> => {
    // It has come so far when it has told of the last state of each object, and of the end of those that are gone.
    const last = await listOf(path);
    const versions = new Map(last.items.map(({ metadata }) => [metadata.uid, metadata.resourceVersion]));
    const isBehind = (): boolean =>
      [...Map.groupBy(seen, ({ object }) => object.metadata.uid)].some(([uid, states]) => !isUpTo(states.at(-1), versions.get(uid))) ||
      [...versions.keys()].some((uid) => !seen.some(({ object }) => object.metadata.uid === uid));
    await expect.poll(() => failure !== undefined || child.exitCode !== null || !isBehind(), { timeout: 30_000, interval: 50 }).toBe(true);
    child.kill();
    await ended;
    if (failure !== undefined) throw failure;
    if (isBehind()) throw new Error(`the watch of ${kind} ended too early`);
    return seen;
  };
  return { stop };
}

/** Whether this is the state of that version or a later one; without a version, the object's end. */
function isUpTo(state: Seen | undefined, version: string | undefined): boolean {
  if (version === undefined) return state?.type === 'DELETED';
  return Number(state?.object.metadata.resourceVersion) >= Number(version);
}

async function listOf(path: string): Promise<KubeList<Seen['object']>> {
  return JSON.parse(await mustIn(['kubectl', '--context', 'home', 'get', '--raw', path])) as KubeList<Seen['object']>;
}

/** What became of one condition of one object while it was watched, each change once: `True`, `False/FailedCreate`, `True`. */
export function courseOf(seen: readonly Seen[], kind: WatchedKind, name: string, type: string): string[] {
  type Conditions = { conditions?: { type: string; status: string; reason?: string }[] };
  const states = seen.filter((one) => one.kind === kind && one.object.metadata.name === name && one.type !== 'DELETED');
  const values = states.map(({ object }) => {
    const found = (object['status'] as Conditions | undefined)?.conditions?.find((condition) => condition.type === type);
    return found === undefined ? 'absent' : `${found.status}${found.reason ? `/${found.reason}` : ''}`;
  });
  return values.filter((value, index) => value !== values[index - 1]);
}
