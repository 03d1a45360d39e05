import type { HeldHook } from './shim-server.ts';

/**
 * The two places where every restored container waits for all others of the pod. At `post-restore` sockets exist, but
 * in repair mode, so that connections between containers survive; at `pre-resume` credentials, LSM and seccomp are
 * set as well, and nothing can fail any more.
 */
export class Barriers {
  readonly #containers: number;
  readonly #held = { 'post-restore': new Map<string, HeldHook>(), 'pre-resume': new Map<string, HeldHook>() };

  constructor(containers: readonly string[]) {
    this.#containers = containers.length;
  }

  /** @returns whether now all containers wait at that barrier */
  arrive(hook: HeldHook): boolean {
    this.#held[hook.action].set(hook.container, hook);
    return this.#held[hook.action].size === this.#containers;
  }

  open(action: HeldHook['action']): void {
    for (const hook of this.#held[action].values()) hook.release();
  }

  /** Every CRIU that waits gives up. */
  refuse(): void {
    for (const hooks of Object.values(this.#held)) for (const hook of hooks.values()) hook.refuse();
  }
}
