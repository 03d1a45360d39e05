import type { Pod, Volume } from '../kube/types.ts';
import { ownerOf, type Owner } from '../owners/owner.ts';
import { projectedTokens, type Token } from '../liqo/token-secret.ts';

/** One thing of a pod that goes with it. */
export type Carried =
  | { readonly kind: 'memory' | 'root files' | 'shared memory' | 'connections' }
  | { readonly kind: 'volume'; readonly name: string; readonly isInMemory: boolean }
  | { readonly kind: 'init files'; readonly containers: readonly string[] };

/** What a move does something for; a plan prints of it what the steps read in it. Plain JSON. */
export interface Parts {
  readonly carries: readonly Carried[];
  /** Volumes that the peer's kubelet makes from objects that Liqo reflects. */
  readonly reflected: readonly string[];
  /** Of service accounts: asked for anew, at home. */
  readonly tokens: readonly Token[];
  /** Who makes the pod anew when its object is gone; left out when nobody does. */
  readonly owner?: Owner;
}

export function partsOf(pod: Pod): Parts {
  const { volumes = [], initContainers = [] } = pod.spec;
  const owner = ownerOf(pod);
  return {
    carries: [
      { kind: 'memory' },
      { kind: 'root files' },
      { kind: 'shared memory' },
      { kind: 'connections' },
      ...volumes
        .filter(isCarried)
        .map(({ name, emptyDir }): Carried => ({ kind: 'volume', name, isInMemory: emptyDir?.medium === 'Memory' })),
      ...(initContainers.length === 0 ? [] : [{ kind: 'init files', containers: initContainers.map(({ name }) => name) } as const]),
    ],
    reflected: volumes.filter(isReflected).map(({ name }) => name),
    tokens: projectedTokens(pod),
    ...(owner ? { owner } : {}),
  };
}

/** Volumes whose content is not in the cluster's objects and travels with the pod. */
export function isCarried(volume: Volume): boolean {
  return volume.emptyDir !== undefined && !volume.emptyDir.medium?.startsWith('HugePages');
}

/** Volumes that the peer's kubelet makes from objects that Liqo reflects. */
export function isReflected(volume: Volume): boolean {
  return ['configMap', 'secret', 'projected', 'downwardAPI'].some((kind) => volume[kind] !== undefined);
}

const always = {
  'memory': 'memory and processes',
  'root files': 'changed files of the root file systems',
  'shared memory': '/dev/shm',
  'connections': 'connections inside the pod',
  'init files': 'what the init containers have left in its files: they do not run again',
} as const;

/** For a person. */
export function carriedText(carried: Carried): string {
  if (carried.kind !== 'volume') return always[carried.kind];
  return `emptyDir ${carried.name}${carried.isInMemory ? ' (in memory)' : ''}`;
}
