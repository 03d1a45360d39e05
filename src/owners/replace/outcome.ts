import type { Pod } from '../../kube/types.ts';

/** Field managers by which migrations create the objects of moved pods begin with it. */
export const creatorPrefix = 'kubectl-migrate-';

/** A pod's object that is taken away and made again under its name. */
export interface Replacement {
  /** UID of the object that is there before. */
  readonly old: string;
  /** The object that takes its place. */
  readonly create: Pod;
  /** UID of the owner, which makes a pod of its own when it finds one missing. */
  readonly ownerUid: string;
  /** Whether a pod is the one that was made here, by this command or by one before. */
  readonly isOurs: (pod: Pod) => boolean;
}

/** A new pod of the owner's that was taken away again. */
export interface Removed {
  readonly pod: Pod;
  /** It was seen to have started, or was not gone as soon as one must be that has started nothing. */
  readonly mayHaveRun: boolean;
}

/**
 * From the deletion of one object to the start of the program of the owner's next pod it took 680 ms at least (images there, two
 * shared cores), and its kubelet says so later still.
 */
export const startsNothingMs = 500;

export type Outcome =
  | { readonly end: 'in place'; readonly ours: Pod; readonly rounds: number; readonly removed: readonly Removed[] }
  /** A new pod of the owner's is known to have started: nothing was done to it. */
  | { readonly end: 'owner runs'; readonly pod: Pod }
  /** The owner, or somebody else, has taken ours away: it is gone, or being deleted. */
  | { readonly end: 'ours removed'; readonly ours: Pod }
  /** A pod of that name belongs to neither. */
  | { readonly end: 'another'; readonly pod: Pod }
  | { readonly end: 'refused'; readonly code: number; readonly message: string; readonly holder: Pod | undefined }
  | { readonly end: 'not in time'; readonly message: string; readonly holder: Pod | undefined };

/** Whether a migration has made it, whichever. */
export function isMoved({ metadata }: Pod): boolean {
  return metadata.managedFields?.some(({ manager }) => manager?.startsWith(creatorPrefix)) ?? false;
}

export function isOwnedBy({ metadata }: Pod, uid: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
}

/** Whether anything of a pod is known to have run. What its kubelet says is late by up to a second. */
export function hasStarted({ status }: Pod): boolean {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const hasRun = all.some(
    ({ state, lastState, restartCount = 0 }) => state?.running || state?.terminated || lastState?.terminated || restartCount > 0,
  );
  return hasRun || (status?.phase ?? 'Pending') !== 'Pending';
}
