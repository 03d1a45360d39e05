import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConnection } from '../../src/kube/connection.ts';
import type { WatchEvent } from '../../src/kube/watch.ts';
import { podsIn } from '../../src/kube/paths.ts';
import type { Pod } from '../../src/kube/types.ts';
import { hasStarted, isOwnedBy } from '../../src/owners/replace/outcome.ts';
import { PodsAt } from '../../src/owners/replace/pods-at.ts';
import { farNode } from './hollow.ts';
import { elsewhere, type RacedOwner } from './owners.ts';

const creator = 'kubectl-migrate-race';

export interface Arrived extends WatchEvent<Pod> {
  readonly at: number;
}

/** What one try came to. */
export interface Try {
  readonly end: string;
  /** What must not be, and was. */
  readonly faults: readonly string[];
  /** The owner's own new pods, and how long the longest of them lived. */
  readonly made: number;
  readonly longestLifeMs: number;
  /** How many of them are told of, as they may have run. */
  readonly doubtful: number;
  readonly rounds: number;
  /** How long there was no object of that name. */
  readonly gapMs: number;
  /** From the first look to the outcome. */
  readonly wholeMs: number;
}

export interface RaceTrack {
  readonly admin: KubeConnection;
  readonly namespace: string;
  /** All that the administrator's watch has told of pods, in its order. */
  readonly heard: Arrived[];
}

/** Replaces one pod of an owner as a user who may do no more than `edit`, and says what all others saw. */
export async function race(track: RaceTrack, mover: KubeConnection, owner: RacedOwner, turn: number): Promise<Try> {
  const { admin, namespace, heard } = track;
  const before = await settled(track, owner);
  const unmoved = await owner.unmoved(admin, namespace);
  const victim = before[owner.name === 'statefulset' ? 0 : turn % before.length] as Pod;
  const { name, uid = '', ownerReferences = [] } = victim.metadata;
  const ownerUid = ownerReferences[0]?.uid ?? '';
  const first = heard.length;
  const pods = new PodsAt(mover, namespace, { deadlineMs: 10_000 });
  const isOurs = (pod: Pod): boolean =>
    pod.spec.nodeName === farNode && pod.metadata.uid !== uid && pod.metadata.name === name && isBy(pod);
  const start = performance.now();
  try {
    const outcome = await owner.replace(
      pods,
      { old: uid, create: elsewhere(victim, owner.annotations), ownerUid, isOurs },
      { creator, deadlineMs: 10_000 },
    );
    const wholeMs = performance.now() - start;
    if (outcome.end !== 'in place')
      return {
        end: outcome.end,
        faults: [JSON.stringify(outcome).slice(0, 300)],
        made: 0,
        longestLifeMs: 0,
        doubtful: 0,
        rounds: 0,
        gapMs: 0,
        wholeMs,
      };
    const ours = outcome.ours.metadata.uid ?? '';
    // A Job looks again after a second.
    await delay(owner.name === 'job' ? 1_300 : 100);
    const after = await settled(track, owner);
    const events = heard.slice(first).filter(({ object }) => isOwnedBy(object, ownerUid));
    const strangers = new Set(events.map(({ object }) => object.metadata.uid ?? ''));
    for (const pod of before) strangers.delete(pod.metadata.uid ?? '');
    strangers.delete(ours);
    const faults = [
      ...(after.some(({ metadata }) => metadata.uid === ours) ? [] : ['ours did not stay']),
      ...before
        .filter((pod) => pod !== victim && !after.some(({ metadata }) => metadata.uid === pod.metadata.uid))
        .map(() => 'another replica was lost'),
      ...events
        .filter(({ object }) => strangers.has(object.metadata.uid ?? '') && hasStarted(object))
        .map(() => 'a second program started'),
      ...(fewest(before, events) < owner.count - 1 ? ['there were fewer than N-1'] : []),
      ...(JSON.stringify(await owner.unmoved(admin, namespace)) === JSON.stringify(unmoved)
        ? []
        : ['the owner changed: a rollout, a failure, another count']),
    ];
    const at = (type: string, who: string): number =>
      events.find((event) => event.type === type && event.object.metadata.uid === who)?.at ?? Number.NaN;
    const lives = [...strangers].map((who) => at('DELETED', who) - at('ADDED', who));
    return {
      end: outcome.end,
      faults: [...new Set(faults)],
      made: strangers.size,
      longestLifeMs: Math.max(0, ...lives),
      doubtful: outcome.removed.filter(({ mayHaveRun }) => mayHaveRun).length,
      rounds: outcome.rounds,
      gapMs: at('ADDED', ours) - at('DELETED', uid),
      wholeMs,
    };
  } finally {
    pods.close();
  }
}

/** Waits until the owner has all its pods, all of them ready. @returns them by name */
export async function settled({ admin, namespace }: RaceTrack, owner: RacedOwner): Promise<Pod[]> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { items } = await admin.list<Pod>(podsIn(namespace), undefined, { labelSelector: `app=${owner.app}` });
    const isReady = ({ metadata, status }: Pod): boolean =>
      metadata.deletionTimestamp === undefined &&
      (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');
    if (items.length === owner.count && items.every(isReady))
      return items.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name));
    if (performance.now() > deadline) {
      const pods = items.map(({ metadata, status }) => `${metadata.name} ${status?.phase} ${metadata.deletionTimestamp ?? ''}`);
      throw new Error(`${owner.name} never came to rest: ${pods.join(', ')}`);
    }
    await delay(25);
  }
}

function isBy({ metadata }: Pod): boolean {
  return metadata.managedFields?.some(({ manager }) => manager === creator) ?? false;
}

/** How few pods the owner had at any moment: those that are not being deleted. */
function fewest(before: readonly Pod[], events: readonly Arrived[]): number {
  const alive = new Set(before.map(({ metadata }) => metadata.uid));
  let least = alive.size;
  for (const { type, object } of events) {
    const isLeaving = type === 'DELETED' || object.metadata.deletionTimestamp !== undefined;
    if (isLeaving) alive.delete(object.metadata.uid);
    else alive.add(object.metadata.uid);
    least = Math.min(least, alive.size);
  }
  return least;
}
