import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import { errorOfStatus, isPassing, type Status } from '../../kube/errors.ts';
import { isAnswered } from '../../kube/pipeline.ts';
import type { Pod } from '../../kube/types.ts';
import { openWatch, type WatchEvent } from '../../kube/watch.ts';
import { hasStarted, isMoved, isOwnedBy, startsNothingMs, type Outcome, type Removed, type Replacement } from './outcome.ts';
import type { PodsAt } from './pods-at.ts';
import { releaseWorker } from './worker.ts';

const answerMs = 10_000;
const removalMs = 30_000;
const pauseMs = 50;

export interface Guarding {
  /** By which the owner finds its pods. */
  readonly selector: string;
  /**
   * UIDs of the owner's other pods, as they were before, to which those are added that are there when it begins; who comes when the old
   * object is gone already cannot do without.
   */
  readonly known?: Set<string>;
  /** After a crash: the owner's pod is taken away though it runs; one, and the oldest of those that may be it. */
  readonly evenIfStarted?: boolean;
}

/**
 * Watches the pods of an owner that names them at random, and deletes each new one that it makes, the moment it is seen. The
 * owner is told of pods in the order in which they change: it knows ours before it sees its own go, and makes no second one.
 */
export class SetGuard {
  readonly #pods: PodsAt;
  readonly #what: Replacement;
  readonly #selector: string;
  /** How many pods that run are taken away still. */
  #running: number;
  readonly #known: Set<string>;
  readonly #hasRecord: boolean;
  readonly #stop = new AbortController();
  readonly #alive = new Set<string>();
  /** How many had been taken away when ours was, too: the owner is not at rest because of these. */
  #before = 0;
  readonly #left = new Map<string, Pod>();
  readonly #doomed: Promise<unknown>[] = [];
  readonly #removed = new Map<string, Removed>();
  readonly #lane: PodsAt;
  #end: Outcome | undefined;
  #ours: Pod | undefined;
  #failure: unknown;
  #watching: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  constructor(pods: PodsAt, what: Replacement, { selector, known, evenIfStarted = false }: Guarding) {
    this.#pods = pods;
    this.#lane = pods.another();
    this.#running = evenIfStarted ? 1 : 0;
    this.#what = what;
    this.#selector = selector;
    this.#known = known ?? new Set();
    this.#hasRecord = known !== undefined;
  }

  /** All that were taken away, once they are. */
  async removed(): Promise<readonly Removed[]> {
    await Promise.all(this.#doomed);
    return [...this.#removed.values()];
  }

  /** Once this is fulfilled no pod of the owner is missed. @throws Error when it cannot be told which ones are new */
  async begin(): Promise<void> {
    await this.#lane.prepare(this.#what.create.metadata.name);
    const { resourceVersion, items } = await this.#list();
    // As long as the old object is there its owner misses none, and makes none instead.
    if (items.some(({ metadata }) => metadata.uid === this.#what.old))
      for (const { metadata } of items) this.#known.add(metadata.uid ?? '');
    else if (!this.#hasRecord) throw new Error('the old object is gone, and which pods its owner had beside it was not written down');
    for (const pod of items.toSorted(byAge)) this.#see(pod, false);
    const watch = await this.#open(resourceVersion);
    this.#watching = this.#watch(watch).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#failure = error;
      this.#wake();
    });
  }

  /**
   * Waits until ours is there and none of the owner's is left: after one has come and gone, or after it was quiet for a while.
   *
   * @returns what came instead
   */
  async settled(ours: Pod, quietMs: number, deadlineMs: number): Promise<Outcome | undefined> {
    this.#ours = ours;
    if (this.#end?.end === 'ours removed') {
      this.#end = undefined;
      this.#before = this.#removed.size;
    }
    const left = this.#left.get(ours.metadata.uid ?? '');
    if (left) this.#end ??= { end: 'ours removed', ours: left };
    const start = performance.now();
    for (;;) {
      this.#check();
      const waited = performance.now() - start;
      if (this.#end) return this.#end;
      if (this.#alive.size === 0 && (this.#removed.size > this.#before || waited >= quietMs)) {
        // From here on a pod of the owner's that runs would have it take ours away.
        this.#running = Infinity;
        return undefined;
      }
      if (waited >= deadlineMs) return { end: 'not in time', message: 'the owner keeps a pod of its own', holder: ours };
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const next = (this.#alive.size === 0 ? quietMs : deadlineMs) - waited;
      await Promise.race([woken, delay(Math.max(1, next), undefined, { ref: false })]);
    }
  }

  /** What has come of ours meanwhile, when it is not in its place any more. */
  verdict(): Outcome | undefined {
    this.#check();
    return this.#end;
  }

  async end(): Promise<void> {
    this.#stop.abort(new Error('nobody waits any more'));
    await this.#watching;
    await Promise.all(this.#doomed);
    this.#lane.close();
  }

  async #watch(first: AsyncGenerator<WatchEvent<Pod>>): Promise<void> {
    const { signal } = this.#stop;
    for (let watch: AsyncGenerator<WatchEvent<Pod>> | undefined = first; !signal.aborted;) {
      try {
        if (!watch) {
          const { resourceVersion, items } = await this.#list();
          const there = new Set(items.map(({ metadata }) => metadata.uid));
          for (const uid of this.#alive) if (!there.has(uid)) this.#alive.delete(uid);
          if (this.#ours && !there.has(this.#ours.metadata.uid)) this.#see(this.#ours, true);
          for (const pod of items) this.#see(pod, false);
          watch = await this.#open(resourceVersion);
        }
        for await (const { type, object } of watch) this.#see(object, type === 'DELETED');
      } catch (error) {
        if (signal.aborted || !isPassing(error)) throw error;
        await delay(100, undefined, { signal });
      }
      watch = undefined;
    }
  }

  async #list(): Promise<{ resourceVersion: string; items: Pod[] }> {
    const { metadata, items } = await this.#pods.connection.list<Pod>(this.#pods.collection, this.#stop.signal, {
      labelSelector: this.#selector,
    });
    return { resourceVersion: metadata.resourceVersion ?? '', items };
  }

  async #open(resourceVersion: string): Promise<AsyncGenerator<WatchEvent<Pod>>> {
    const { connection, collection } = this.#pods;
    return await openWatch<Pod>(connection, collection, { labelSelector: this.#selector }, resourceVersion, this.#stop.signal);
  }

  #see(pod: Pod, isGone: boolean): void {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const isLeaving = isGone || deletionTimestamp !== undefined;
    if (this.#what.isOurs(pod)) {
      // It may go before its creation is answered.
      if (isLeaving) this.#left.set(uid, pod);
      if (isLeaving && uid === this.#ours?.metadata.uid) this.#end ??= { end: 'ours removed', ours: pod };
    } else if (uid !== this.#what.old && !this.#known.has(uid) && isOwnedBy(pod, this.#what.ownerUid) && isTheOwners(pod)) {
      // Owners count a pod out when its deletion begins.
      if (isLeaving) this.#alive.delete(uid);
      else if (this.#removed.has(uid) || this.#end) return this.#wake();
      else if (!hasStarted(pod)) this.#condemn(pod);
      else if (this.#running-- > 0) this.#condemn(pod);
      else this.#end = { end: 'owner runs', pod };
    }
    this.#wake();
  }

  #condemn(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const seen = performance.now();
    this.#alive.add(uid);
    this.#removed.set(uid, { pod, mayHaveRun: true });
    const removal = this.#remove(pod).then(
      () => void this.#removed.set(uid, { pod, mayHaveRun: hasStarted(pod) || performance.now() - seen > startsNothingMs }),
      (error: unknown) => {
        this.#failure ??= error;
        this.#wake();
      },
    );
    this.#doomed.push(removal);
  }

  async #remove(pod: Pod): Promise<void> {
    const { name, uid } = pod.metadata;
    const deadline = performance.now() + scaled(removalMs);
    for (let current: Pod | undefined = pod; current && current.metadata.uid === uid; current = await this.#pods.get(name)) {
      if (performance.now() > deadline) throw new Error(`pod ${name}, which its owner has made, cannot be taken away`);
      const requests = await releaseWorker(current, this.#lane);
      const answer = requests && (await this.#lane.write(name, requests, scaled(answerMs))).at(-1);
      if (!isAnswered(answer)) {
        await delay(pauseMs);
        continue;
      }
      if (answer.code < 300 || answer.code === 404) return;
      // A refusal stays one; a pod that has changed meanwhile, or a server that is too busy, is asked again.
      if (answer.code < 500 && answer.code !== 409 && answer.code !== 429) throw errorOfStatus(answer.body as Status, answer.code);
      await delay(pauseMs);
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }
}

/** Neither one that a migration has made, this or another, nor one that has done its work: it is no pod too many. */
function isTheOwners(pod: Pod): boolean {
  return !isMoved(pod) && !['Succeeded', 'Failed'].includes(pod.status?.phase ?? '');
}

function byAge(one: Pod, other: Pod): number {
  return (one.metadata.creationTimestamp ?? '').localeCompare(other.metadata.creationTimestamp ?? '');
}
