import type { KubeConnection } from '../kube/connection.ts';
import { KubeError, unlessNotFound, unlessOther } from '../kube/errors.ts';
import { retry } from '../kube/retry.ts';
import type { KubeObject } from '../kube/types.ts';
import { migrationLabel } from '../liqo/names.ts';

/** An object that a migration has made, or may have made: a creation without an answer can have been carried out. */
export interface MadeObject {
  /** For messages: `helper pod x`. */
  readonly what: string;
  readonly at: KubeConnection;
  readonly path: string;
  readonly gracePeriodSeconds: number | undefined;
  /** Undefined as long as nobody has told it. */
  uid: string | undefined;
  /** By which an object without a known UID is known for ours. */
  readonly isOurs: (found: KubeObject) => boolean;
}

const patienceMs = 30_000;

/**
 * What a migration has made in both clusters. Names tell nothing: another command, or a user, may have made an object of the
 * same name. What is deleted is the very object that was made, by its UID.
 */
export class MadeObjects {
  readonly #migration: string;
  #made: MadeObject[] = [];

  constructor(migration: string) {
    this.#migration = migration;
  }

  /** The last one first. */
  get all(): readonly MadeObject[] {
    return this.#made.toReversed();
  }

  /** What another command has made for the same migration. */
  found(object: KubeObject, at: KubeConnection, collection: string, what: string, gracePeriodSeconds?: number): void {
    const { name, uid } = object.metadata;
    this.#made.push({ what, at, path: `${collection}/${name}`, gracePeriodSeconds, uid, isOurs: () => false });
  }

  /**
   * Creates an object and knows of it from then on, whatever becomes of the answer.
   *
   * @param isOurs how else it is known than by the migration's label
   * @throws KubeError as `KubeConnection.create`
   */
  async create<T extends KubeObject>(
    at: KubeConnection,
    collection: string,
    object: KubeObject,
    { what, gracePeriodSeconds, isOurs }: { what: string; gracePeriodSeconds?: number; isOurs?: (found: KubeObject) => boolean },
    signal: AbortSignal,
  ): Promise<T> {
    const made: MadeObject = {
      what,
      at,
      path: `${collection}/${object.metadata.name}`,
      gracePeriodSeconds,
      uid: undefined,
      isOurs: (found) => found.metadata.labels?.[migrationLabel] === this.#migration || (isOurs?.(found) ?? false),
    };
    this.#made.push(made);
    try {
      const created = await at.create<T>(collection, object, signal);
      made.uid = created.metadata.uid;
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
    const gracePeriodSeconds = isAtWork ? undefined : made.gracePeriodSeconds;
    await retry(async () => removeOnce({ ...made, gracePeriodSeconds }), { deadlineMs: patienceMs });
    this.#forget(made);
  }

  #forget(made: MadeObject): void {
    this.#made = this.#made.filter((one) => one !== made);
  }
}

async function removeOnce({ at, path, uid, isOurs, gracePeriodSeconds }: MadeObject): Promise<void> {
  const found = uid === undefined ? await at.get<KubeObject>(path).catch(unlessNotFound) : undefined;
  if (uid === undefined && (found === undefined || !isOurs(found))) return;
  const preconditions = { uid: uid ?? found?.metadata.uid };
  const options = { preconditions, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) };
  // Gone, or gone and another one has its name.
  await at.delete(path, options).catch(unlessNotFound).catch(unlessOther);
}

/** The server has not done it, and said so. */
function isRefusal(error: unknown): boolean {
  return error instanceof KubeError && error.code >= 400 && error.code < 500 && error.code !== 408;
}
