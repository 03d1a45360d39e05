import { setTimeout as delay } from 'node:timers/promises';
import { timed, type EventSink } from '../clock.ts';
import { onHost } from '../node/host.ts';
import { stagingDir } from '../node/install.ts';
import { makeNoop } from './bundle.ts';
import { runcRoot } from '../runc/container.ts';
import { isAnyLeft } from './container-tasks.ts';
import { HeldFiles } from './held-files.ts';
import { arm, disarm, findHeld, letGo, requireHeld, requireStillHeld, type Held } from './hold.ts';
import { suspendLimits, suspendPodLimit } from './limits.ts';
import { PodFolders } from './pod-folders.ts';
import { RestoreSpans } from './restore-spans.ts';
import { prepareRestore, type RestoreContext } from './restore.ts';
import type { Effect, TargetEvent } from './states.ts';
import type { AwaitedCreate, WaitingHook } from './wrapper-server.ts';

/** What the machine wants done with containers. */
export type ContainerEffect = Exclude<Effect, { do: 'arm' | 'say' }>;

const lookEveryMs = 250;

/** Carries out on this node what is to be done with the awaited pod's containers, and tells the machine what came of it. */
export class Containers {
  readonly files: HeldFiles;
  readonly #id: string;
  readonly #emit: EventSink;
  readonly #spans: RestoreSpans;
  readonly #dispatch: (event: TargetEvent) => void;
  readonly #folders: PodFolders;
  readonly #creates = new Map<string, AwaitedCreate>();
  readonly #hooks = new Map<string, WaitingHook>();
  readonly #held = new Map<string, Held>();
  /** Those at work, by container ID; each tells at its end what it could not do. */
  readonly #keepers = new Map<string, PromiseWithResolvers<void>>();
  readonly #notes: string[] = [];
  readonly #restoreBundles = new Map<string, () => void>();
  #restorePodLimit: (() => void) | undefined;
  #context: Pick<RestoreContext, 'socket' | 'sourceAddresses'> = { socket: '', sourceAddresses: [] };
  #watch: NodeJS.Timeout | undefined;
  #isGivenUp = false;

  constructor(id: string, emit: EventSink, dispatch: (event: TargetEvent) => void) {
    this.#id = id;
    this.#emit = emit;
    this.#spans = new RestoreSpans(emit);
    this.#dispatch = dispatch;
    this.files = new HeldFiles(id);
    this.#folders = new PodFolders(onHost(`${stagingDir(id)}/trees`));
  }

  /** Before the first `create` can come. */
  prepare(context: Pick<RestoreContext, 'socket' | 'sourceAddresses'>): void {
    this.#context = context;
  }

  onCreate(create: AwaitedCreate): void {
    const { containerId: id, container, podUid, sandbox } = create;
    if (this.#creates.has(id)) return create.fail(`container ${id} has been asked for once already`);
    this.#creates.set(id, create);
    this.#dispatch({ type: 'create', id, container, podUid, sandbox });
  }

  onHook(hook: WaitingHook): void {
    const { container, barrier: action, pid } = hook;
    this.#hooks.set(container, hook);
    if (action === 'post-setup-namespaces') this.#spans.enter(container, 'await-pages');
    if (action === 'post-restore') this.#spans.enter(container, 'await-others');
    if (action === 'pre-resume') this.#spans.enter(container, 'await-commit');
    try {
      this.#dispatch({ type: 'hook', action, container, pid });
    } catch (error) {
      hook.refuse();
      throw error;
    }
  }

  onKeeperGone(id: string, note: string | undefined): void {
    const name = this.#creates.get(id)?.container ?? id;
    if (note) this.#notes.push(`container ${name}: ${note}`);
    this.#keepers.get(id)?.resolve();
    if (note === undefined) this.#dispatch({ type: 'fail', reason: `what keeps container ${name} on this node has died` });
  }

  do(effect: ContainerEffect): void {
    switch (effect.do) {
      case 'noop':
        makeNoop(this.#create(effect.id).bundle);
        return this.#create(effect.id).pass();
      case 'refuse':
        return this.#create(effect.id).fail(effect.reason);
      case 'created':
        return this.#create(effect.id).created(effect.pid);
      case 'unpack':
        return this.#orFail(effect.id, 'unpack', async (create) => {
          await timed(this.#emit, 'unpack', create.container, async () => this.#folders.unpackBase(create));
          this.#dispatch({ type: 'unpacked', id: effect.id });
        });
      case 'restore':
        return this.#orFail(effect.id, 'restore', async (create) => this.#restore(create));
      case 'release':
        if (effect.barrier === 'post-setup-namespaces') this.#spans.enter(effect.container, 'fill');
        if (effect.barrier === 'post-restore') this.#spans.enter(effect.container, 'finish');
        return this.#hooks.get(effect.container)?.release();
      case 'look':
        return this.#look(effect.id);
      case 'watch':
        return this.#startWatch();
      case 'commit':
        return void this.#commit();
      case 'give up':
        return this.#giveUp(effect.reason);
    }
  }

  /**
   * Settles when every keeper has done its work, at the latest at the deadline.
   *
   * @returns what is not as the pod wants it, item by item
   */
  async kept(deadlineMs: number): Promise<string[]> {
    const all = Promise.all([...this.#keepers.values()].map(async ({ promise }) => promise)).then(() => true);
    const isDone = await Promise.race([all, delay(deadlineMs, false, { ref: false })]);
    return isDone ? [...this.#notes] : [...this.#notes, 'the limits of the containers may not be set again'];
  }

  /** Whether all that was ever restored here is gone, keepers and all; waits for it until the deadline. */
  async isGone(deadlineMs: number): Promise<boolean> {
    const begun = this.files.begun();
    for (const start = performance.now(); isAnyLeft(begun); await delay(50)) if (performance.now() - start > deadlineMs) return false;
    return true;
  }

  async #restore(create: AwaitedCreate): Promise<void> {
    await timed(this.#emit, 'unpack', create.container, async () => this.#folders.unpackLast(create));
    const { words: limits, restoreBundle } = suspendLimits(create.bundle);
    this.#restoreBundles.set(create.containerId, restoreBundle);
    this.#restorePodLimit ??= suspendPodLimit(runcRoot, create.sandbox);
    const { environment, options } = await prepareRestore(this.#id, create, { ...this.#context, held: this.files.folder, limits });
    if (this.#isGivenUp) return;
    this.files.begin(create.containerId, create.container);
    this.#keepers.set(create.containerId, Promise.withResolvers());
    this.#spans.enter(create.container, 'build');
    create.restore(environment, options);
  }

  #look(id: string): void {
    const { container } = this.#create(id);
    this.#restoreBundles.get(id)?.();
    const held = findHeld(this.files, container, id);
    requireHeld(this.files, [held]);
    this.#held.set(id, held);
    this.#dispatch({ type: 'stands', id });
  }

  /** No restore is under way any more, so the pod may have its CPU limit again. */
  #startWatch(): void {
    this.#restoreLimitOfPod();
    this.#watch = setInterval(() => {
      try {
        requireStillHeld(this.files, [...this.#held.values()]);
      } catch (error) {
        this.#dispatch({ type: 'fail', reason: (error as Error).message });
      }
    }, lookEveryMs);
  }

  /** The decision is a file that is made once; whoever carries it out, and dies over it, is followed by the keepers. */
  async #commit(): Promise<void> {
    clearInterval(this.#watch);
    this.#spans.enterAll('resume');
    const all = [...this.#held.values()];
    const { podUid = '' } = [...this.#creates.values()].find(({ containerId }) => this.#held.has(containerId)) ?? {};
    try {
      const pod = await arm(all, podUid);
      requireHeld(this.files, all);
      if (this.files.decide('go') !== 'go') throw new Error('it was given up on this node');
      for (;;) {
        try {
          letGo(pod);
          break;
        } catch (error) {
          this.#emit({ type: 'log', message: (error as Error).message });
          await delay(100);
        }
      }
    } catch (error) {
      this.#disarm(all, podUid);
      return this.#dispatch({ type: 'refused', reason: (error as Error).message });
    }
    this.#dispatch({ type: 'went' });
    for (const { container } of all) this.#spans.leave(container);
  }

  /** For the moment only: what ends them, keeper or wrapper, thaws nothing before all are doomed. */
  #disarm(all: readonly Held[], podUid: string): void {
    try {
      disarm(all, podUid);
    } catch (error) {
      this.#emit({ type: 'log', message: `cannot disarm: ${(error as Error).message}` });
    }
  }

  #giveUp(reason: string): void {
    this.#isGivenUp = true;
    clearInterval(this.#watch);
    if (this.files.isThere) this.files.decide('kill');
    for (const create of this.#creates.values()) create.fail(reason);
    for (const hook of this.#hooks.values()) hook.refuse();
    this.#restoreLimitOfPod();
  }

  #restoreLimitOfPod(): void {
    try {
      this.#restorePodLimit?.();
    } catch (error) {
      this.#notes.push(`the pod's CPU limit could not be set again: ${(error as Error).message}`);
    }
    this.#restorePodLimit = undefined;
  }

  #orFail(id: string, what: string, work: (create: AwaitedCreate) => Promise<void>): void {
    const create = this.#create(id);
    work(create).catch((error: unknown) =>
      this.#dispatch({ type: 'fail', id, reason: `cannot ${what} container ${create.container}: ${(error as Error).message}` }),
    );
  }

  #create(id: string): AwaitedCreate {
    const create = this.#creates.get(id);
    if (!create) throw new Error(`nobody asked for container ${id}`);
    return create;
  }
}
