import { expect, vi } from 'vitest';
import { mustIn } from '../../bed/bed.ts';
import type { KubeObject, Pod } from '../../src/kube/types.ts';
import { kubectl, mustKubectl } from './cluster.ts';
import { podOf } from './pods.ts';
import type { Ticks } from './ticks.ts';
import type { Watch } from './watch.ts';

export interface Workload extends KubeObject {
  readonly status?: { replicas?: number; readyReplicas?: number; active?: number; failed?: number; succeeded?: number };
}

export const podsPath = '/api/v1/namespaces/demo/pods';
const apps = '/apis/apps/v1/namespaces/demo';
export const jobsPath = '/apis/batch/v1/namespaces/demo/jobs';

/** Where what owns its pods is watched, by its kind. */
export const ownersOf = {
  StatefulSet: [`${apps}/statefulsets`],
  Deployment: [`${apps}/replicasets`, `${apps}/deployments`],
  Job: [jobsPath],
} as const;

export async function apply(object: object): Promise<void> {
  await mustIn(['kubectl', '-n', 'demo', 'apply', '-f', '-'], { input: JSON.stringify(object) });
}

/** A template of pods that are heard, or run another command. */
export function templateOf(ticks: Ticks, name: string, command?: readonly string[]): { metadata: object; spec: Pod['spec'] } {
  const beacon = ticks.beacon('main', { periodMs: 20 });
  const main = command ? { ...beacon, command: [...command] } : beacon;
  return { metadata: { labels: { app: name } }, spec: { ...podOf(name, []).spec, containers: [main] } };
}

export function workload(ticks: Ticks, kind: keyof typeof ownersOf, name: string, replicas: number): object {
  const metadata = { name, namespace: 'demo' };
  if (kind === 'Job') {
    const beacon = (ticks.beacon('main', { periodMs: 20 }).command ?? []).join(' ');
    const template = templateOf(ticks, name, ['sh', '-c', `${beacon} & until [ -e /tmp/done ]; do sleep 1; done`]);
    const spec = { backoffLimit: 0, parallelism: replicas, completions: replicas };
    return {
      apiVersion: 'batch/v1',
      kind,
      metadata,
      spec: { ...spec, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
    };
  }
  const spec = { replicas, selector: { matchLabels: { app: name } }, template: templateOf(ticks, name) };
  return { apiVersion: 'apps/v1', kind, metadata, spec: kind === 'StatefulSet' ? { ...spec, serviceName: name } : spec };
}

export async function podsNamed(name: string): Promise<Pod[]> {
  const list = JSON.parse(await mustKubectl('home', 'get', 'pods', '-l', `app=${name}`, '-o', 'json')) as { items: Pod[] };
  return list.items;
}

/** Waits until there are so many pods, and all of them are ready. */
export async function untilReady(name: string, count: number): Promise<Pod[]> {
  return await vi.waitFor(
    async () => {
      const found = await podsNamed(name);
      const ready = found.filter(({ status }) => status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'));
      expect([found.length, ready.length]).toEqual([count, count]);
      return found;
    },
    { timeout: 120_000, interval: 500 },
  );
}

/** Beside the moved pod and those that were there before, no pod of that owner has run anything, at home or at the peer. */
export async function expectNoOther(ticks: Ticks, watch: Watch, name: string, before: readonly Pod[]): Promise<void> {
  const known = new Set(before.map(({ metadata }) => metadata.uid));
  const others = (await watch.of<Pod>(podsPath)).filter(
    ({ object: { metadata, spec } }) => metadata.labels?.['app'] === name && !known.has(metadata.uid) && spec.nodeName !== 'away',
  );
  const started = others.filter(
    ({ object: { status } }) =>
      status?.phase === 'Running' || status?.containerStatuses?.some(({ state }) => state?.running ?? state?.terminated),
  );
  expect(started).toEqual([]);
  const names = new Set(before.map(({ metadata }) => metadata.name));
  expect(ticks.pods().filter((pod) => pod.startsWith(`${name}-`) && !names.has(pod))).toEqual([]);
}

/** What a new object has to have of the old one. */
export function kept({ metadata, spec }: Pod): unknown {
  const { name, labels, annotations, ownerReferences, finalizers } = metadata;
  const { 'liqo.io/shadowPod': _reflected, ...own } = labels ?? {};
  return { name, labels: own, annotations, ownerReferences, finalizers, containers: spec.containers };
}

export async function remove(kind: string, name: string): Promise<void> {
  await kubectl('home', 'delete', kind, name, '--grace-period=1', '--wait', '--timeout=90s', '--ignore-not-found');
  await vi.waitFor(async () => expect(await podsNamed(name)).toEqual([]), { timeout: 90_000, interval: 500 });
}
