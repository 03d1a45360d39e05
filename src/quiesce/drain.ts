import type { KubeConnection } from '../kube/connection.ts';
import { unlessNotFound, unlessOther } from '../kube/errors.ts';
import { endpointsIn, servicesIn } from '../kube/paths.ts';
import { retry } from '../kube/retry.ts';
import type { KubeObject } from '../kube/types.ts';
import { waitFor } from '../kube/wait.ts';

interface Address {
  readonly ip: string;
  readonly targetRef?: { readonly uid?: string };
}

interface Subset {
  readonly addresses?: readonly Address[];
  readonly notReadyAddresses?: readonly Address[];
  readonly ports?: unknown;
}

export interface Endpoints extends KubeObject {
  readonly subsets?: readonly Subset[] | null;
}

/** Which addresses are meant: those of the pod with that UID. */
export interface Drained {
  readonly namespace: string;
  /** The name of the Endpoints, and of their Service. */
  readonly endpoints: string;
  readonly uid: string;
}

const patienceMs = 10_000;
/** No migration takes so long. */
const watchMs = 3_600_000;
const touchedAnnotation = 'kubectl-migrate/touched';

/**
 * The same Endpoints without that pod's addresses, the ones that are not ready too: Knative's activator tries those as well
 * (knative.dev/serving pkg/activator/net/revision_backends.go). Undefined when they are not there.
 */
export function withoutPod({ subsets }: Endpoints, uid: string): Subset[] | undefined {
  const without = (addresses: readonly Address[] = []): Address[] => addresses.filter(({ targetRef }) => targetRef?.uid !== uid);
  const isThere = (subsets ?? []).some(({ addresses = [], notReadyAddresses = [] }) =>
    [...addresses, ...notReadyAddresses].some(({ targetRef }) => targetRef?.uid === uid),
  );
  if (!isThere) return undefined;
  // An API server takes no subset without addresses.
  return (subsets ?? []).flatMap(({ addresses, notReadyAddresses, ...ports }) => {
    const [ready, others] = [without(addresses), without(notReadyAddresses)];
    if (ready.length + others.length === 0) return [];
    return [{ ...ports, ...(ready.length > 0 ? { addresses: ready } : {}), ...(others.length > 0 ? { notReadyAddresses: others } : {}) }];
  });
}

/**
 * Keeps a pod's addresses out of Endpoints. Their controller knows nothing of that, and puts them back whenever any pod of the
 * Service changes (endpoints_controller.go), so they are watched, and taken out again.
 */
export class Drain {
  readonly #home: KubeConnection;
  readonly #drained: Drained;
  readonly #over = new AbortController();
  #work: Promise<unknown> = Promise.resolve();
  #watching: Promise<unknown> = Promise.resolve();
  #failures: string[] = [];

  private constructor(home: KubeConnection, drained: Drained) {
    this.#home = home;
    this.#drained = drained;
  }

  /** @returns once they are out. @throws KubeError when that is refused, the signal's reason */
  static async begin(home: KubeConnection, drained: Drained, signal: AbortSignal): Promise<Drain> {
    const drain = new Drain(home, drained);
    const path = `${endpointsIn(drained.namespace)}/${drained.endpoints}`;
    const isOut = async (): Promise<boolean> => {
      const found = await home.get<Endpoints>(path, signal).catch(unlessNotFound);
      return found === undefined || !(await drain.#takeOut(found));
    };
    while (!(await retry(isOut, { deadlineMs: patienceMs }))) signal.throwIfAborted();
    drain.#watching = drain.#keep();
    return drain;
  }

  /** Leaves them to their controller, which does nothing by itself: {@link putBack}. Never rejects. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#watching;
    await this.#work;
  }

  /** Why they may have come back for a while. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  async #keep(): Promise<void> {
    const { namespace, endpoints: name } = this.#drained;
    const isDone = (seen: Endpoints | undefined): boolean => {
      if (seen) this.#work = this.#work.then(async () => this.#takeOut(seen)).catch((error: unknown) => this.#failed(error));
      return false;
    };
    const wait = { collection: endpointsIn(namespace), name, what: `Endpoints ${namespace}/${name}`, deadlineMs: watchMs, isDone };
    await waitFor<Endpoints>(this.#home, wait, this.#over.signal).catch((error: unknown) => this.#failed(error));
  }

  /** @returns whether there was anything to take out */
  async #takeOut(seen: Endpoints): Promise<boolean> {
    const { namespace, endpoints, uid } = this.#drained;
    const subsets = withoutPod(seen, uid);
    if (subsets === undefined || this.#over.signal.aborted) return false;
    const body = { metadata: { resourceVersion: seen.metadata.resourceVersion }, subsets };
    // Another state has come meanwhile, and is seen next.
    await this.#home
      .patch(`${endpointsIn(namespace)}/${endpoints}`, body, 'merge')
      .catch(unlessNotFound)
      .catch(unlessOther);
    return true;
  }

  #failed(error: unknown): void {
    if (!this.#over.signal.aborted) this.#failures.push((error as Error).message);
  }
}

/**
 * Has the Endpoints worked out anew from what its pods are: their controller does that whenever the Service changes
 * (endpoints_controller.go, onServiceUpdate), and knows better than whoever took something out.
 */
export async function putBack(home: KubeConnection, { namespace, endpoints }: Omit<Drained, 'uid'>): Promise<void> {
  for (const value of [String(Date.now()), null]) {
    const touch = { metadata: { annotations: { [touchedAnnotation]: value } } };
    const patch = async (): Promise<unknown> => home.patch(`${servicesIn(namespace)}/${endpoints}`, touch, 'merge').catch(unlessNotFound);
    await retry(patch, { deadlineMs: patienceMs });
  }
}
