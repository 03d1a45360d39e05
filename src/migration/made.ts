import type { KubeConnection } from '../kube/connection.ts';
import { KubeError, unlessNotFound, unlessOther } from '../kube/errors.ts';
import { retry } from '../kube/retry.ts';
import type { KubeObject } from '../kube/types.ts';
import { migrationLabel } from '../liqo/names.ts';
import type { Role } from '../protocol/agent-calls.ts';

/** An object that a migration has made, or may have made: a creation without an answer can have been carried out. Plain JSON. */
export interface MadeObject {
  readonly kind: 'object';
  /** For messages: `helper pod x`. */
  readonly what: string;
  readonly at: 'home' | 'peer';
  readonly path: string;
  readonly gracePeriodSeconds?: number;
  /** Left out as long as nobody has told it. */
  readonly uid?: string;
  /** The UID of what it belongs to: by this, or by the migration's label, it is known for ours when its own is not known. */
  readonly owner?: string;
}

/** That an agent may have something on its node. */
export interface MadeOnNode {
  readonly kind: 'node';
  readonly role: Role;
}

/** That a pod's address may have been taken out of those Endpoints. */
export interface MadeDrain {
  readonly kind: 'drain';
  readonly endpoints: string;
}

export type Made = MadeObject | MadeOnNode | MadeDrain;

/** The API servers in which it is made; the peer's comes when it is reached. */
export type Clusters = Partial<Record<MadeObject['at'], KubeConnection>>;

type Creation = Pick<MadeObject, 'at' | 'what' | 'gracePeriodSeconds' | 'owner'> & { readonly collection: string };

const patienceMs = 30_000;

/**
 * What a migration has made in both clusters and on their nodes: recorded when it is made, as data. Names tell nothing: another
 * command, or a user, may have made an object of the same name. What is deleted is the very object that was made, by its UID.
 */
export class MadeRecord {
  readonly #migration: string;
  readonly #clusters: Clusters;
  #made: Made[] = [];

  constructor(migration: string, clusters: Clusters) {
    this.#migration = migration;
    this.#clusters = clusters;
  }

  /** The last one first. */
  get all(): readonly Made[] {
    return this.#made.toReversed();
  }

  /** The last one first. */
  objectsAt(cluster: MadeObject['at']): MadeObject[] {
    return this.all.filter((one) => one.kind === 'object' && one.at === cluster) as MadeObject[];
  }

  isOnNode(role: Role): boolean {
    return this.#made.some((one) => one.kind === 'node' && one.role === role);
  }

  onNode(role: Role): void {
    if (!this.isOnNode(role)) this.#made.push({ kind: 'node', role });
  }

  drained(endpoints: string): void {
    this.#made.push({ kind: 'drain', endpoints });
  }

  get drains(): MadeDrain[] {
    return this.#made.filter((one) => one.kind === 'drain');
  }

  /** The addresses are back. */
  refilled(drain: MadeDrain): void {
    this.#forget(drain);
  }

  /** What another command has made for the same migration. */
  found({ metadata: { name, uid } }: KubeObject, { collection, ...made }: Creation): void {
    this.#made.push({ kind: 'object', ...made, path: `${collection}/${name}`, ...(uid === undefined ? {} : { uid }) });
  }

  /**
   * Creates an object and knows of it from then on, whatever becomes of the answer.
   *
   * @throws KubeError as `KubeConnection.create`
   */
  async create<T extends KubeObject>(object: KubeObject, { collection, ...about }: Creation, signal: AbortSignal): Promise<T> {
    const made: MadeObject = { kind: 'object', ...about, path: `${collection}/${object.metadata.name}` };
    this.#made.push(made);
    try {
      const created = await this.#clusterOf(made).create<T>(collection, object, signal);
      const { uid } = created.metadata;
      this.#made = this.#made.map((one) => (one === made && uid !== undefined ? { ...made, uid } : one));
      return created;
    } catch (error) {
      if (isRefusal(error)) this.#forget(made);
      throw error;
    }
  }

  /**
   * Deletes one of them, for good.
   *
   * @param isAtWork it has something to do yet, and gets the time for that which it was made with
   * @throws KubeError when that is refused, or there is no answer for long
   */
  async remove(made: MadeObject, isAtWork = false): Promise<void> {
    await retry(async () => this.#removeOnce(made, isAtWork), { deadlineMs: patienceMs });
    this.#forget(made);
  }

  async #removeOnce({ path, uid, owner, gracePeriodSeconds, at }: MadeObject, isAtWork: boolean): Promise<void> {
    const cluster = this.#clusterOf({ at });
    const found = uid === undefined ? await cluster.get<KubeObject>(path).catch(unlessNotFound) : undefined;
    if (uid === undefined && (found === undefined || !this.#isOurs(found, owner))) return;
    const preconditions = { uid: uid ?? found?.metadata.uid };
    const options = { preconditions, ...(isAtWork || gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) };
    // Gone, or gone and another one has its name.
    await cluster.delete(path, options).catch(unlessNotFound).catch(unlessOther);
  }

  #isOurs({ metadata: { labels, ownerReferences = [] } }: KubeObject, owner: string | undefined): boolean {
    if (labels?.[migrationLabel] === this.#migration) return true;
    return owner !== undefined && ownerReferences.some(({ uid }) => uid === owner);
  }

  #clusterOf({ at }: Pick<MadeObject, 'at'>): KubeConnection {
    const cluster = this.#clusters[at];
    if (!cluster) throw new Error(at === 'peer' ? 'the peer cannot be reached' : 'the home cluster is not known');
    return cluster;
  }

  #forget(made: Made): void {
    this.#made = this.#made.filter((one) => one !== made);
  }
}

/** The server has not done it, and said so. */
function isRefusal(error: unknown): boolean {
  return error instanceof KubeError && error.code >= 400 && error.code < 500 && error.code !== 408;
}
