import { setTimeout as delay } from 'node:timers/promises';
import type { AwaitedPod, NodeFacts } from '../../protocol/agent-calls.ts';
import type { PeerMessage } from '../../protocol/frames.ts';
import type { TargetFact } from '../../protocol/settle.ts';
import { timed, type EventSink } from '../clock.ts';
import { learnKerndat } from '../criu/kerndat.ts';
import { firstError } from '../criu/log.ts';
import { nodeFacts } from '../node/facts.ts';
import { onHost } from '../node/host.ts';
import { install, stagingDir } from '../node/install.ts';
import { listenForPeer, PeerLink } from '../peer/link.ts';
import { hasSandbox, readSpec, runcRoot, sandboxOf } from '../runc/container.ts';
import { Barriers } from './barriers.ts';
import { makeNoop } from './bundle.ts';
import { suspendLimits } from './limits.ts';
import { PodFolders } from './pod-folders.ts';
import { Receiver } from './receiver.ts';
import { RestoreSpans } from './restore-spans.ts';
import { prepareRestore } from './restore.ts';
import type { HeldCreate, HeldHook } from './wrapper-server.ts';
import { WrapperMount } from './wrapper-mount.ts';

export interface AwaitedPodWithAddresses extends AwaitedPod {
  /** The pod's addresses at the source. */
  readonly addresses: readonly string[];
}

/** For a person to come and clean up: a week. */
const longRefusalSeconds = 7 * 24 * 3600;

/**
 * The target's side of one migration: it lets the node's kubelet make the new pod up to the point where containers
 * are created, and restores them there instead. Nothing of the pod runs here before the source's commit.
 */
export class TargetMigration {
  readonly #id: string;
  readonly #emit: EventSink;
  readonly #spans: RestoreSpans;
  #link: PeerLink | undefined;
  #receiver: Receiver | undefined;
  #awaited: AwaitedPodWithAddresses | undefined;
  #wrapper: WrapperMount | undefined;
  #barriers: Barriers | undefined;
  #folders: PodFolders | undefined;
  #stopListening: () => void = () => undefined;
  #phase: 'waiting' | 'restoring' | 'running' | 'failed' = 'waiting';
  #failure = '';
  #isComplete = false;
  /** Those of which all but the pages are here, and those of which all is. */
  readonly #restorable = new Set<string>();
  readonly #checkpointed = new Set<string>();
  readonly #held = new Map<string, HeldCreate>();
  readonly #started = new Map<string, string>();
  readonly #exited = new Set<string>();
  readonly #restoreLimits: (() => void)[] = [];
  readonly #armed = Promise.withResolvers<string>();
  readonly #finished = Promise.withResolvers<void>();

  constructor(id: string, emit: EventSink) {
    this.#id = id;
    this.#emit = emit;
    this.#spans = new RestoreSpans(emit);
    this.#armed.promise.catch(() => undefined);
    this.#finished.promise.catch(() => undefined);
  }

  async inspect(): Promise<{ facts: NodeFacts }> {
    await install(this.#id);
    const [facts] = await Promise.all([nodeFacts(), learnKerndat()]);
    return { facts };
  }

  /** @param containers those whose images the source will send */
  async listen(key: string, containers: readonly string[]): Promise<{ port: number }> {
    const receiver = new Receiver(onHost(stagingDir(this.#id)), containers);
    this.#receiver = receiver;
    const { port, close } = await listenForPeer(key, (socket) => {
      this.#link = new PeerLink(
        socket,
        (message) => this.#orFail(() => this.#onMessage(message)),
        (file, data) => this.#orFail(() => receiver.onData(file, data)),
      );
      void this.#link.closed.then((reason) => this.#fail(`the connection to the source's agent was lost: ${reason.message}`));
    });
    this.#stopListening = close;
    return { port };
  }

  /** From now on the node's runtime asks us before it creates a container of that pod. */
  async await(pod: AwaitedPodWithAddresses): Promise<void> {
    this.#awaited = pod;
    this.#barriers = new Barriers(pod.containers);
    this.#wrapper = await WrapperMount.mount(this.#id, pod, {
      onCreate: (create) => this.#onCreate(create),
      onHook: (hook) => this.#onHook(hook),
      onExited: async (containerId, code) => this.#onExited(containerId, code),
    });
  }

  /** @returns the new pod's UID once the kubelet has asked for its first container. @throws Error at the deadline */
  async armed(deadlineMs: number): Promise<{ podUid: string }> {
    const timer = setTimeout(
      () => this.#armed.reject(new Error(`the kubelet did not create the pod's first container within ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    try {
      return { podUid: await this.#armed.promise };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Settles when every restore has ended well.
   *
   * @returns what is not as the pod wants it, item by item: limits that could not be set again
   */
  async finished(): Promise<{ notes: string[] }> {
    await this.#finished.promise;
    const notes: string[] = [];
    for (const restore of this.#restoreLimits.splice(0)) {
      try {
        restore();
      } catch (error) {
        notes.push(`a limit could not be set again: ${(error as Error).message}`);
      }
    }
    return { notes };
  }

  /** Gives up, for good: containers that wait are not created, CRIUs that wait kill what they restored. Not after the commit. */
  abort(reason: string): void {
    this.#fail(reason);
  }

  /** What it is before it gave up may still change: that is nobody's ground to decide on. */
  get fact(): TargetFact {
    if (this.#phase === 'running') return 'runs';
    if (this.#phase === 'failed') return 'never';
    return this.#isAllHeld ? 'held' : 'silent';
  }

  get isAwaiting(): boolean {
    return this.#awaited !== undefined && this.#phase !== 'running';
  }

  /** The awaited pod's containers are refused, with or without this agent, until the node knows nothing of the pod. */
  async untilPodIsGone(): Promise<void> {
    const { namespace, pod } = this.#required();
    this.#wrapper?.refuseFor(longRefusalSeconds);
    // A pod that was asked for a moment ago may still be on its way to this node.
    for (let absences = 0; absences < 8; absences = hasSandbox(namespace, pod) ? 0 : absences + 1) await delay(1000);
  }

  /** Takes the mount over the runtime away and forgets the pod. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#link?.close();
    this.#receiver?.close();
    await this.#wrapper?.unmount();
  }

  /** What the source sends is untrusted: whatever is wrong with it ends the migration, and is told to both ends. */
  #orFail(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail((error as Error).message);
      throw error;
    }
  }

  #onMessage(message: PeerMessage): void {
    if (this.#phase === 'failed') return; // what was under way when the source was told
    switch (message.type) {
      case 'open':
      case 'close':
        this.#receiving().onMessage(message);
        break;
      case 'precopied':
        this.#link?.send({ type: 'ready', stage: 'precopied' });
        break;
      case 'restorable':
        this.#receiving().onMessage(message);
        this.#onRestorable(message.container);
        break;
      case 'checkpointed':
        this.#receiving().onMessage(message);
        this.#checkpointed.add(message.container);
        if (this.#barriers?.open('post-setup-namespaces', message.container)) this.#spans.enter(message.container, 'fill');
        break;
      case 'complete':
        this.#receiving().onMessage(message);
        this.#isComplete = true;
        this.#emitIfAllIsHeld();
        break;
      case 'alive':
        break; // heard by the link
      case 'commit':
        if (!this.#isAllHeld) throw new Error('the source commits before all is held');
        this.#phase = 'running';
        this.#barriers?.open('pre-resume');
        this.#spans.enterAll('resume');
        this.#link?.send({ type: 'ready', stage: 'running' });
        break;
      case 'failed':
        this.#fail(message.message);
        break;
      case 'ready':
        throw new Error('the source tells a stage that only a target has');
    }
  }

  #onCreate(create: HeldCreate): void {
    const { containers, initContainers } = this.#required();
    if (this.#phase === 'failed') return create.fail(this.#failure);
    if (initContainers.includes(create.container)) {
      makeNoop(create.bundle);
      return create.pass();
    }
    // The kubelet tries again within a second after a failure: a second try must never start the program afresh.
    if (!containers.includes(create.container) || this.#started.has(create.container)) {
      return create.fail(`container ${create.container} has been restored once already`);
    }
    this.#held.set(create.container, create);
    if (this.#restorable.has(create.container)) void this.#restore(create);
    else void this.#prepare(create);
  }

  #onRestorable(container: string): void {
    this.#phase = 'restoring';
    this.#restorable.add(container);
    const create = this.#held.get(container);
    if (create) void this.#restore(create);
  }

  /** The first container tells where the kubelet keeps the new pod's volumes: what was sent before can go there now. */
  async #prepare(create: HeldCreate): Promise<void> {
    try {
      await timed(this.#emit, 'unpack', create.container, async () => this.#foldersOf(create).unpackBase(create));
      this.#armed.resolve(create.podUid);
    } catch (error) {
      this.#fail((error as Error).message);
      this.#armed.reject(error as Error);
    }
  }

  #foldersOf(create: HeldCreate): PodFolders {
    this.#folders ??= new PodFolders(onHost(`${stagingDir(this.#id)}/trees`), create);
    return this.#folders;
  }

  async #restore(create: HeldCreate): Promise<void> {
    if (this.#started.has(create.container)) return;
    this.#started.set(create.container, create.containerId);
    try {
      const folders = this.#foldersOf(create);
      await timed(this.#emit, 'unpack', create.container, async () => folders.unpackLast(create));
      const { addresses } = this.#required();
      const { environment, options } = await prepareRestore(this.#id, create, {
        socket: this.#wrapper?.socket ?? '',
        sourceAddresses: addresses,
      });
      const sandbox = sandboxOf(await readSpec(create.bundle));
      this.#restoreLimits.push(suspendLimits(create.bundle, runcRoot, create.containerId, sandbox));
      this.#spans.enter(create.container, 'build');
      create.restore(environment, options);
    } catch (error) {
      this.#fail(`cannot restore container ${create.container}: ${(error as Error).message}`);
    }
  }

  #onHook(hook: HeldHook): void {
    if (this.#phase !== 'restoring') return hook.refuse();
    this.#barriers?.arrive(hook);
    switch (hook.action) {
      case 'setup-namespaces':
        // The process exists: the kubelet can go on to the next container while this one is filled.
        this.#held.get(hook.container)?.created(hook.pid);
        hook.release();
        break;
      case 'post-setup-namespaces':
        this.#spans.enter(hook.container, this.#checkpointed.has(hook.container) ? 'fill' : 'await-pages');
        if (this.#checkpointed.has(hook.container)) hook.release();
        break;
      case 'post-restore':
        this.#spans.enter(hook.container, 'await-others');
        if (this.#barriers?.isFull('post-restore')) {
          this.#barriers.open('post-restore');
          this.#spans.enterAll('finish');
        }
        break;
      case 'pre-resume':
        this.#spans.enter(hook.container, 'await-commit');
        this.#emitIfAllIsHeld();
        break;
    }
  }

  get #isAllHeld(): boolean {
    return this.#isComplete && (this.#barriers?.isFull('pre-resume') ?? false);
  }

  #emitIfAllIsHeld(): void {
    if (this.#isAllHeld) this.#link?.send({ type: 'ready', stage: 'held' });
  }

  async #onExited(containerId: string, code: number): Promise<void> {
    const container = [...this.#started].find(([, id]) => id === containerId)?.[0];
    if (container === undefined) return;
    if (code !== 0) {
      const log = onHost(`${stagingDir(this.#id)}/work-${container}/restore.log`);
      const reason = `cannot restore container ${container}: ${(await firstError(log)) ?? `runc exited with ${code}`}`;
      this.#finished.reject(new Error(reason));
      return this.#fail(reason);
    }
    this.#spans.leave(container);
    this.#exited.add(container);
    if (this.#exited.size === this.#required().containers.length) this.#finished.resolve();
  }

  /** Without effect once the pod runs here: then nobody else is needed, neither the source's agent nor the CLI. */
  #fail(reason: string): void {
    if (this.#phase === 'failed' || this.#phase === 'running') return;
    this.#armed.reject(new Error(reason));
    this.#finished.reject(new Error(reason));
    this.#phase = 'failed';
    this.#failure = reason;
    this.#link?.send({ type: 'failed', message: reason });
    this.#barriers?.refuse();
    for (const create of this.#held.values()) create.fail(reason);
  }

  #receiving(): Receiver {
    if (!this.#receiver) throw new Error('the source sends before the target is ready');
    return this.#receiver;
  }

  #required(): AwaitedPodWithAddresses {
    if (!this.#awaited) throw new Error('the target agent awaits no pod');
    return this.#awaited;
  }
}
