import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { AwaitedPod, NodeFacts } from '../../protocol/agent-calls.ts';
import type { TargetFact } from '../../protocol/settle.ts';
import type { EventSink } from '../clock.ts';
import { learnKerndat } from '../criu/kerndat.ts';
import { firstError } from '../criu/log.ts';
import { nodeFacts } from '../node/facts.ts';
import { onHost } from '../node/host.ts';
import { install, stagingDir, uninstall } from '../node/install.ts';
import { raiseOwnWeight } from '../node/own-limits.ts';
import { AwaitEntry } from './await-entry.ts';
import { isAnyLeft } from './container-tasks.ts';
import { Containers } from './containers.ts';
import { carryOutGo, standsOrIsGone } from './hold.ts';
import { factOf, next } from './machine.ts';
import { Receiver } from './receiver.ts';
import { hasSandbox, unaskedSandbox } from './sandboxes.ts';
import { SourceLink } from './source-link.ts';
import type { TargetEvent, TargetState, Transition } from './states.ts';

export interface AwaitedPodWithAddresses extends AwaitedPod {
  /** The pod's addresses at the source. */
  readonly addresses: readonly string[];
}

const leaseEveryMs = 1_000;
/** So long after our last sign of life the keepers of what is held decide. */
const leaseMs = 15_000;
/** How long the end of what was restored may take. */
const endDeadlineMs = 10_000;
/** What keepers have to do after the commit takes them some tenths of a second. */
const keepersDeadlineMs = 30_000;
const bypassLookEveryMs = 200;
/** A sandbox's folder is there before the runtime is called. */
const mostUnaskedLooks = 15;
/** A pod that was asked for a moment ago may still be on its way to this node. */
const absencesSeconds = 8;

/**
 * The target's side of one migration: it lets the node's kubelet make the new pod up to the point where containers
 * are created, and restores them there instead. What may happen when is the machine's business (machine.ts); here it is done.
 */
export class TargetMigration {
  readonly #id: string;
  readonly #emit: EventSink;
  readonly #containers: Containers;
  #state: TargetState = { at: 'idle', isPrecopied: false };
  #link: SourceLink | undefined;
  #making: Promise<AwaitEntry> | undefined;
  #entry: AwaitEntry | undefined;
  #awaited: AwaitedPodWithAddresses | undefined;
  #lease: NodeJS.Timeout | undefined;
  /** Whether a command was let make the pod. */
  #mayCome = false;
  readonly #armed = Promise.withResolvers<string>();
  /** Settles when the pod runs, rejects when it never will. */
  readonly #over = Promise.withResolvers<void>();

  constructor(id: string, emit: EventSink) {
    this.#id = id;
    this.#emit = emit;
    this.#containers = new Containers(id, emit, (event) => this.#dispatch(event));
    this.#armed.promise.catch(() => undefined);
    this.#over.promise.catch(() => undefined);
  }

  async inspect(): Promise<{ facts: NodeFacts }> {
    await install(this.#id);
    // From here on this node knows of the migration: that nothing was restored is known by what is not in there.
    this.#containers.files.make();
    const [facts] = await Promise.all([nodeFacts(), learnKerndat()]);
    return { facts };
  }

  /** @param containers those whose images the source will send */
  async listen(key: string, containers: readonly string[]): Promise<{ port: number }> {
    const receiver = new Receiver(onHost(stagingDir(this.#id)), containers);
    const current = (): TargetState => this.#state;
    const listener = {
      get state() {
        return current();
      },
      take: (step: Transition) => this.#take(step),
    };
    const { link, port } = await SourceLink.listen(key, receiver, listener);
    this.#link = link;
    return { port };
  }

  /** From now on the node's runtime asks us before it creates a container of that pod. */
  async await(pod: AwaitedPodWithAddresses): Promise<void> {
    this.#dispatch({ type: 'await', containers: pod.containers, initContainers: pod.initContainers });
    this.#awaited = pod;
    raiseOwnWeight();
    this.#containers.files.renewLease(scaled(leaseMs));
    this.#making = AwaitEntry.make(this.#id, pod, (socket) => {
      this.#containers.prepare({ socket, sourceAddresses: pod.addresses });
      return {
        onCreate: (create) => this.#orFail(() => this.#containers.onCreate(create)),
        onHook: (hook) => this.#orFail(() => this.#containers.onHook(hook)),
        onHookGone: (hook) => void this.#onHookGone(hook.container),
        onExited: async (id, code) => this.#onExited(id, code),
        onKeeperGone: (id, note) => this.#containers.onKeeperGone(id, note),
      };
    });
    this.#lease = setInterval(() => this.#renew(), leaseEveryMs);
    this.#entry = await this.#making;
    void this.#lookForBypass(pod, this.#entry);
    void this.#keepCovered(this.#entry);
  }

  /** @returns whether the pod is awaited: it may be made then, from now on, and only then */
  expect(): boolean {
    const isAwaited = this.#entry !== undefined && factOf(this.#state) === 'silent';
    this.#mayCome ||= isAwaited;
    return isAwaited;
  }

  /** @param deadlineMs is scaled here. @returns the new pod's UID once the kubelet has asked for its first container. @throws Error at the deadline */
  async armed(deadlineMs: number): Promise<{ podUid: string }> {
    const ms = scaled(deadlineMs);
    const timer = setTimeout(
      () => this.#armed.reject(new Error(`the kubelet did not create the pod's first container within ${ms / 1000} s`)),
      ms,
    );
    try {
      return { podUid: await this.#armed.promise };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Settles when the pod runs and its keepers have ended.
   *
   * @returns what is not as the pod wants it, item by item: limits that could not be set again
   */
  async finished(): Promise<{ notes: string[] }> {
    await this.#over.promise;
    return { notes: await this.#containers.kept(scaled(keepersDeadlineMs)) };
  }

  get state(): TargetState['at'] {
    return this.#state.at;
  }

  async fact(): Promise<TargetFact> {
    return await this.#fact(0);
  }

  /** Gives up, for good, unless the commit has come. `never` when all that was restored is proven to be gone, or to stand still. */
  async abort(reason: string): Promise<TargetFact> {
    await this.#untilDecided();
    this.#dispatch({ type: 'fail', reason });
    return await this.#fact(scaled(endDeadlineMs));
  }

  /** The source's commit by way of the CLI: the link was cut when it was on its way. @throws Error when not all is held */
  async commit(): Promise<TargetFact> {
    if (factOf(this.#state) !== 'runs') this.#dispatch({ type: 'commit' });
    await this.#untilDecided();
    return await this.#fact(scaled(endDeadlineMs));
  }

  /**
   * Takes everything of ours from the node. A pod that did not move stays refused for as long as the node could still create it:
   * given back, its runtime would start the program from nothing.
   *
   * @param podIsGone whether the API server has a pod that did not move no more
   * @returns whether it is refused still; this agent must go on then
   */
  async cleanup(podIsGone: boolean, deadlineMs: number): Promise<{ refusing: boolean }> {
    if (!(await this.#giveBack(podIsGone, deadlineMs))) return { refusing: true };
    this.#containers.files.remove();
    await uninstall(this.#id);
    return { refusing: false };
  }

  /**
   * The same when nobody attends, for as long as it takes; but what was decided about what was restored stays told until a command
   * says {@link cleanup}. A command that finds nothing here would let the source run again, or take what runs here for ended.
   */
  async abandon(reason: string): Promise<void> {
    await this.abort(reason);
    await this.#giveBack(this.#mayCome ? undefined : true, Number.POSITIVE_INFINITY);
    if (this.#containers.files.begun().length === 0) this.#containers.files.remove();
    await uninstall(this.#id);
  }

  /** Gives the runtime back. @returns false at the deadline, when the node could still create a pod that did not move */
  async #giveBack(podIsGone: boolean | undefined, deadlineMs: number): Promise<boolean> {
    const start = performance.now();
    const left = (): number => deadlineMs - (performance.now() - start);
    await this.#untilDecided();
    this.#dispatch({ type: 'fail', reason: 'the migration was given up' });
    await this.#making?.catch(() => undefined); // the CLI may not have waited for it
    this.#link?.close();
    const hasMoved = this.#state.at === 'running' || this.#state.at === 'ended';
    if (hasMoved) await this.#containers.kept(scaled(keepersDeadlineMs));
    else if (!(await this.#containers.isGone(left())) || !(await this.#isPodGone(podIsGone, left()))) return false;
    clearInterval(this.#lease);
    const entry = this.#entry;
    this.#entry = undefined;
    await entry?.remove();
    return true;
  }

  /**
   * The runtime knows of a pod from when it is first asked for it, which can be late: its kubelet waits for volumes or a network, or
   * stands still. One that it never was asked for is known to be gone by the API server alone.
   *
   * @param isTold whether that says so, or there cannot be one; undefined when nobody has asked it
   */
  async #isPodGone(isTold: boolean | undefined, deadlineMs: number): Promise<boolean> {
    let absences = 0;
    for (const start = performance.now(); ; await delay(1000)) {
      // Without an entry nothing was awaited here, or somebody has given the runtime back meanwhile.
      if (!this.#entry || !this.#awaited) return true;
      const { podOnNode } = this.#entry;
      absences = hasSandbox(this.#awaited) || podOnNode === 'there' ? 0 : absences + 1;
      const needed = isTold && (podOnNode === 'gone' || !this.#mayCome) ? 1 : scaled(absencesSeconds);
      if (absences >= needed && (isTold || (isTold === undefined && podOnNode === 'gone'))) return true;
      if (isTold === false || performance.now() - start > deadlineMs) return false;
    }
  }

  async #fact(deadlineMs: number): Promise<TargetFact> {
    const fact = factOf(this.#state);
    const { files } = this.#containers;
    // Without their IDs nothing is known of them: what was taken away when it ran runs on.
    if (fact === 'runs' && files.begun().length > 0 && !isAnyLeft(files.begun())) {
      this.#dispatch({ type: 'ended' });
      return 'ended';
    }
    if (fact !== 'given up' && fact !== 'idle') return fact;
    if (!files.isThere || files.begun().length === 0) return 'never';
    // Something was restored, by us or by an agent before us: what is decided counts, and the rest is up to its keepers. They may be as
    // dead as that agent: when they would wait no longer, whoever looks decides as they would have.
    const decision = fact === 'idle' && !files.isLeaseOver ? files.decision() : files.decide('kill');
    if (decision === undefined) return 'silent';
    if (decision === 'go') return await this.#afterGo();
    return (await this.#containers.isGone(deadlineMs)) || standsOrIsGone(files) ? 'never' : 'silent';
  }

  /** Decided is not carried out: on this word the source is killed. */
  async #afterGo(): Promise<TargetFact> {
    const { files } = this.#containers;
    const isLetGo = await carryOutGo(files);
    if (!isAnyLeft(files.begun())) return 'ended';
    return isLetGo ? 'runs' : 'silent';
  }

  async #untilDecided(): Promise<void> {
    while (this.#state.at === 'committing') await delay(5);
  }

  #orFail(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#dispatch({ type: 'fail', reason: (error as Error).message });
    }
  }

  #dispatch(event: TargetEvent): void {
    this.#take(next(this.#state, event));
  }

  #take({ state, effects }: Transition): void {
    if (state.at === 'failed' && this.#state.at !== 'failed') this.#onFailed(state.reason);
    this.#state = state;
    for (const effect of effects) {
      try {
        if (effect.do === 'arm') this.#armed.resolve(effect.podUid);
        else if (effect.do !== 'say') this.#containers.do(effect);
        else {
          this.#link?.send({ type: 'ready', stage: effect.stage });
          if (effect.stage === 'running') this.#onRunning();
        }
      } catch (error) {
        this.#dispatch({ type: 'fail', reason: (error as Error).message });
        if (state.at !== 'failed') return; // what was to follow was meant for another state
      }
    }
  }

  #onRunning(): void {
    this.#over.resolve();
    this.#entry?.markMoved();
  }

  #onFailed(reason: string): void {
    this.#emit({ type: 'log', message: `given up: ${reason}` });
    this.#armed.reject(new Error(reason));
    this.#over.reject(new Error(reason));
    this.#link?.send({ type: 'failed', message: reason });
  }

  async #onExited(id: string, code: number): Promise<void> {
    if (code === 0) return this.#orFail(() => this.#dispatch({ type: 'restored', id }));
    const name = this.#nameOf(id);
    const log = onHost(`${stagingDir(this.#id)}/work-${name}/restore.log`);
    this.#dispatch({ type: 'fail', reason: `cannot restore container ${name}: ${(await firstError(log)) ?? `runc exited with ${code}`}` });
  }

  /** Its CRIU is most likely dead; the runtime, which then ends, can tell better why. */
  async #onHookGone(container: string): Promise<void> {
    await delay(1000);
    this.#dispatch({ type: 'fail', reason: `the restore of container ${container} was interrupted` });
  }

  #nameOf(id: string): string {
    const containers = 'containers' in this.#state ? this.#state.containers : [];
    return containers.find((one) => one.id === id)?.name ?? id;
  }

  #renew(): void {
    try {
      this.#entry?.renew();
      if (this.#state.at !== 'running' && this.#state.at !== 'ended') this.#containers.files.renewLease(scaled(leaseMs));
    } catch (error) {
      this.#emit({ type: 'log', message: `cannot renew the lease: ${(error as Error).message}` });
    }
  }

  /** The kubelet may have the pod run by another runtime than the one that is covered: from nothing, beside the source. */
  async #lookForBypass(pod: AwaitedPod, entry: AwaitEntry): Promise<void> {
    for (let looks = 0; this.#state.at === 'awaiting'; await delay(bypassLookEveryMs)) {
      const found = unaskedSandbox(pod, (uid) => entry.hasSeen(uid));
      looks = found ? looks + 1 : 0;
      if (found?.isMade || looks > scaled(mostUnaskedLooks))
        return this.#dispatch({ type: 'fail', reason: 'the runtime wrapper was bypassed: the node made a sandbox for the pod without it' });
    }
  }

  async #keepCovered(entry: AwaitEntry): Promise<void> {
    await entry.keepCovered({
      isNeeded: () => this.#entry === entry && this.#state.at !== 'running' && this.#state.at !== 'ended',
      onUncovered: () => this.#dispatch({ type: 'fail', reason: 'somebody has uncovered the runtime of this node' }),
      onFailure: (message) => this.#emit({ type: 'log', message }),
    });
  }
}
