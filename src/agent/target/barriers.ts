import type { HeldHook } from './shim-server.ts';

export type Barrier = 'post-restore' | 'pre-resume';

/**
 * The two places where every restored container waits for all others of the pod. At `post-restore` sockets exist, but
 * in repair mode, so that connections between containers survive; at `pre-resume` credentials, LSM and seccomp are
 * set as well, and nothing can fail any more.
 */
export class Barriers {
  readonly #containers: number;
  readonly #held: Record<Barrier, Map<string, HeldHook>> = { 'post-restore': new Map(), 'pre-resume': new Map() };

  constructor(containers: readonly string[]) {
    this.#containers = containers.length;
  }

  /** @returns whether now all containers wait at that barrier */
  arrive(barrier: Barrier, hook: HeldHook): boolean {
    this.#held[barrier].set(hook.container, hook);
    return this.isFull(barrier);
  }

  isFull(barrier: Barrier): boolean {
    return this.#held[barrier].size === this.#containers;
  }

  open(barrier: Barrier): void {
    for (const hook of this.#held[barrier].values()) hook.release();
  }

  /** Every CRIU that waits gives up. */
  refuse(): void {
    for (const hooks of Object.values(this.#held)) for (const hook of hooks.values()) hook.refuse();
  }
}
