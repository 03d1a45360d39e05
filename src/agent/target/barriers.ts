import type { HeldHook } from './wrapper-server.ts';

export type Barrier = HeldHook['action'];

/**
 * The places where CRIU stops for us. At `setup-namespaces` a container's first process exists; at
 * `post-setup-namespaces` all but the content of its memory does. At `post-restore` sockets exist, but in repair mode,
 * so that connections between containers survive when all containers wait here for each other; at `pre-resume`
 * credentials, LSM and seccomp are set as well, and nothing can fail any more.
 */
export class Barriers {
  readonly #containers: number;
  readonly #held = new Map<Barrier, Map<string, HeldHook>>();

  constructor(containers: readonly string[]) {
    this.#containers = containers.length;
  }

  arrive(hook: HeldHook): void {
    this.#at(hook.action).set(hook.container, hook);
  }

  /** Whether all containers wait there. */
  isFull(barrier: Barrier): boolean {
    return this.#at(barrier).size === this.#containers;
  }

  /**
   * @param container the only one to let go; without it all that wait there
   * @returns whether somebody waited
   */
  open(barrier: Barrier, container?: string): boolean {
    const waiting = [...this.#at(barrier).values()].filter((hook) => container === undefined || hook.container === container);
    for (const hook of waiting) hook.release();
    return waiting.length > 0;
  }

  /** Every CRIU that waits gives up. */
  refuse(): void {
    for (const hooks of this.#held.values()) for (const hook of hooks.values()) hook.refuse();
  }

  #at(barrier: Barrier): Map<string, HeldHook> {
    const hooks = this.#held.get(barrier) ?? new Map<string, HeldHook>();
    this.#held.set(barrier, hooks);
    return hooks;
  }
}
