import { scaled } from '../../deadlines.ts';
import type { AgentCalls, CheckpointResult, Inspection, PeerConnections, PodOnNode } from '../../protocol/agent-calls.ts';
import type { SourceFact } from '../../protocol/settle.ts';
import { timed, type EventSink } from '../clock.ts';
import { learnKerndat } from '../criu/kerndat.ts';
import { onHost, runDir } from '../node/host.ts';
import { install } from '../node/install.ts';
import { linkKubeletPods } from '../node/kubelet-pods.ts';
import { connectToPeer, PeerLink } from '../peer/link.ts';
import { findRuntime } from '../runc/runtime.ts';
import { Claim } from './claim.ts';
import { prepareDump } from './dump.ts';
import { lowerFence } from './fence.ts';
import type { FreezeEnd } from './guard.ts';
import { inspect } from './inspect.ts';
import { claimFinding, releaseClaim } from './left-claim.ts';
import { next, type SourceEffect, type SourceEvent, type SourceState } from './machine.ts';
import { PodFiles } from './pod-files.ts';
import { findPod, type SourcePod } from './pod.ts';
import { emitBytes, emitStages } from './progress.ts';
import { sendImages } from './send-images.ts';
import { Standstill } from './standstill.ts';
import { startDumps } from './start-dumps.ts';
import { TargetProgress } from './target-progress.ts';
import { warmUp } from './warm-up.ts';

/** The claims of all pods that are moved away from this node. */
const pods = onHost(`${runDir}/pods`);

/** What the target may take to have unpacked so many bytes: at 5 MB/s, and a minute. */
const unpackMs = (bytes: number): number => scaled(60_000 + bytes / 5_000);
/** From the commit until the target says that all runs: one write for it. */
const resumeMs = 60_000;

/**
 * The source's side of one migration: carries out what machine.ts decides. The target may run on the claim's decision alone, and the
 * source stands still from its freeze on until its guard has let it go.
 */
export class SourceMigration {
  readonly #id: string;
  readonly #emit: EventSink;
  readonly #isAttended: () => boolean;
  readonly #files = new PodFiles();
  readonly #target = new TargetProgress();
  #state: SourceState = { at: 'idle' };
  #ref: PodOnNode | undefined;
  #pod: Standstill | undefined;
  /** What held of the pod when the migration was over here: its claim, which would tell, is gone since. */
  #closedAs: SourceFact | undefined;
  #link: PeerLink | undefined;
  #preparing: Promise<unknown> | undefined;
  #ending: Promise<void> | undefined;
  #closing: Promise<{ refusing: boolean }> | undefined;
  /** A command has said that nobody needs to know more of it. */
  #isDismissed = false;

  /** @param isAttended whether a CLI would go on after a commit that came now */
  constructor(id: string, emit: EventSink, isAttended: () => boolean = () => true) {
    this.#id = id;
    this.#emit = emit;
    this.#isAttended = isAttended;
  }

  get state(): SourceState {
    return this.#state;
  }

  /** What holds of the pod now. */
  get fact(): SourceFact {
    return this.#closedAs ?? this.#pod?.fact ?? 'silent';
  }

  /** What the command that froze the pod wanted to be known; null before that. */
  get record(): unknown {
    return JSON.parse(this.#pod?.claim.read('record') ?? 'null') as unknown;
  }

  /** Takes the pod's claim, and looks whether it can be moved. */
  async inspect(ref: PodOnNode & { readonly to: string }): Promise<Inspection> {
    await install(this.#id);
    this.#ref = ref;
    const claimed = await Claim.take(pods, ref.uid, { migration: this.#id, to: ref.to }, releaseClaim);
    const [pod] = await Promise.all([this.#look(), learnKerndat()]);
    const inspection = await inspect(pod, ref.addresses);
    if ('held' in claimed) return { ...inspection, findings: [claimFinding(claimed.held, pod.name)] };
    this.#pod = await Standstill.of(claimed.mine, ref);
    await this.#on({ type: 'claimed' });
    return inspection;
  }

  async connect(host: string, port: number, key: string): Promise<void> {
    const socket = await connectToPeer(host, port, key, scaled(15_000));
    const refuse = (): void => {
      throw new Error('the target sent data to the source');
    };
    this.#link = new PeerLink(socket, (message) => this.#target.onMessage(message), refuse);
    void this.#link.closed.then((reason) =>
      this.#target.fail(new Error(`the connection to the target's agent was lost: ${reason.message}`, { cause: reason })),
    );
  }

  /** Sends what is in the pod's files by now, while the pod runs. */
  async precopy(): Promise<{ bytes: number; bytesPerSecond: number }> {
    const link = this.#connected();
    const { trees } = await this.#look();
    const bytesPerSecond = await this.#target.unlessItFails(timed(this.#emit, 'warm-up', undefined, async () => warmUp(link)));
    const warmed = link.sent.bytes;
    const stop = emitBytes(this.#emit, link);
    try {
      await this.#target.unlessItFails(timed(this.#emit, 'send-files', undefined, async () => this.#files.sendBase(link, trees)));
      link.send({ type: 'precopied' });
      const bytes = link.sent.bytes - warmed;
      await this.#target.reaches('precopied', unpackMs(bytes));
      await this.#on({ type: 'precopied' });
      return { bytes, bytesPerSecond };
    } finally {
      stop();
    }
  }

  /**
   * The frozen part, up to the moment when all runs again at the target. In one function, because its order is what
   * makes it safe (one frozen instant, never two running copies, never none).
   *
   * @throws Error after which the source runs again, unless its decision says that it committed
   */
  async checkpoint({ budgetMs, record }: AgentCalls['source.checkpoint']['params']): Promise<CheckpointResult> {
    const link = this.#connected();
    const standstill = this.#claimed();
    const pod = await this.#look();
    const runtime = await findRuntime();
    const dumps = await Promise.all(pod.containers.map(async (container) => prepareDump(this.#id, container, runtime)));
    const stop = emitBytes(this.#emit, link);
    try {
      await this.#advance({ type: 'freeze' });
      standstill.claim.write('record', JSON.stringify(record));
      const prepared = standstill.prepare(pod, budgetMs);
      this.#preparing = prepared;
      this.#watch((await prepared).ended, budgetMs);
      const reached = emitStages(this.#emit, link);
      await timed(this.#emit, 'freeze', undefined, async () => standstill.freeze(pod.containers, () => this.#requireWanted()));
      await this.#advance({ type: 'frozen' });
      reached('frozen');

      const { trees } = await this.#look();
      const running = startDumps(dumps, this.#emit, () => this.#requireWanted());
      const filesSent = timed(this.#emit, 'send-files', undefined, async () => this.#files.sendLast(link, trees, pod.containers));
      await this.#target.unlessItFails(Promise.all([filesSent, sendImages(link, running, filesSent, this.#emit)]));
      await this.#advance({ type: 'sent', source: standstill.fact });
      link.send({ type: 'complete', ...link.sent });
      reached('sent');

      // No deadline of its own: the guard holds the budget.
      await this.#target.reaches('held');
      reached('held');

      const { fact, stopWanted } = standstill;
      await this.#advance({ type: 'held', source: fact, stopWanted, isAttended: this.#isAttended() });
      reached('committed');

      await this.#target.reaches('running', scaled(resumeMs));
      standstill.noteSuccessor();
      return reached('running');
    } catch (error) {
      await this.abort(error as Error);
      throw error;
    } finally {
      stop();
    }
  }

  /**
   * Lets the pod run again if that is still allowed.
   *
   * @returns what holds then. @throws Error when something of the pod still stands, though it may run
   */
  async abort(reason: Error): Promise<SourceFact> {
    const isAgain = this.#state.at === 'aborting' && this.#ending === undefined;
    await (isAgain ? this.#perform('end-freeze') : this.#on({ type: 'abort', reason: reason.message }));
    await this.#ending;
    return this.fact;
  }

  /**
   * Takes over from an agent that froze the pod and is dead, or cannot be reached: the claim tells how far it got.
   *
   * @param targetNeverRan the target's word that the commit did not get there, and that it takes none any more
   * @throws Error when another migration moves the pod
   */
  async takeOver(ref: PodOnNode, targetNeverRan: boolean): Promise<SourceFact> {
    await install(this.#id);
    linkKubeletPods();
    this.#ref = ref;
    // Without a claim nothing is frozen by us: before the freeze the agent died, or the node has been started anew.
    const claimed = await Claim.take(pods, ref.uid, { migration: this.#id, to: '' }, releaseClaim);
    if ('held' in claimed) throw new Error(claimFinding(claimed.held, ref.uid).text);
    if (this.#closedAs !== undefined) {
      this.#state = { at: 'idle' };
      this.#pod = this.#closedAs = undefined;
    }
    this.#pod ??= await Standstill.of(claimed.mine, ref);
    await this.#on({ type: 'take-over', targetNeverRan });
    await this.#ending;
    return this.fact;
  }

  /** Leads on who comes to the pod's old address; only after the commit. @returns at how many sockets */
  async relay(addresses: readonly string[]): Promise<number> {
    return await this.#claimed().relay(addresses);
  }

  /**
   * Ends the frozen source processes; only after the commit, and when the pod object is being deleted (or the kubelet
   * would start them anew, but for the fence). Their network namespace still exists, so the kernel tells their peers with a reset.
   *
   * @returns which connections they had. @throws Error when one is left
   */
  async kill(): Promise<readonly PeerConnections[]> {
    if (this.#state.at !== 'committed' && this.#state.at !== 'over')
      throw new Error('the target has not taken over: the processes of the source stay');
    const reset = await this.#claimed().kill();
    if (this.#state.at === 'committed') await this.#on({ type: 'killed' });
    return reset;
  }

  /**
   * Lets the pod run unless it has committed, ends the conversation, and takes away what keeps the pod: fence and claim. A source that
   * committed keeps both as long as it has a process, or the kubelet has the pod.
   *
   * @returns whether they stay. @throws Error when something of a pod that may run stands frozen: then nobody must take it for settled
   */
  async close(): Promise<{ refusing: boolean }> {
    this.#isDismissed = true;
    return await this.#closeOnce('the migration is over');
  }

  /** A command may want it while an agent that nobody attends is at it. */
  async #closeOnce(reason: string): Promise<{ refusing: boolean }> {
    this.#closing ??= this.#close(reason).finally(() => (this.#closing = undefined));
    return await this.#closing;
  }

  async #close(reason: string): Promise<{ refusing: boolean }> {
    const [pod, uid] = [this.#pod, this.#ref?.uid ?? ''];
    const isOpen = pod !== undefined && this.#closedAs === undefined;
    if (isOpen && this.fact !== 'committed') await this.abort(new Error(reason));
    this.#link?.close();
    if (!isOpen) return { refusing: false };
    // Whatever froze it since: without its claim nobody can let it go any more.
    if (this.fact !== 'committed' && pod.isPartFrozen) await pod.end();
    if (this.fact === 'undecided') throw new Error('the pod stands frozen, though it may run');
    if (this.fact === 'committed' && !(await pod.untilLetGo())) return { refusing: true };
    await lowerFence(uid);
    // One that was let go goes on as the pod's own life, whatever becomes of it.
    this.#closedAs = this.fact === 'committed' ? 'committed' : 'runs';
    pod.claim.remove();
    return { refusing: false };
  }

  /**
   * The same when nobody attends, for as long as it takes; but a commit and its record stay told until a command has asked for the
   * end: the next one has to know what became of the pod, and what it was.
   *
   * @returns whether they stay
   */
  async abandon(reason: string): Promise<{ refusing: boolean }> {
    const isOpen = this.#pod !== undefined && this.#closedAs === undefined;
    if (isOpen) await this.abort(new Error(reason));
    if (isOpen && this.fact === 'committed' && !this.#isDismissed) return { refusing: true };
    while ((await this.#closeOnce(reason)).refusing);
    return { refusing: false };
  }

  async #on(event: SourceEvent): Promise<void> {
    const { state, effects } = next(this.#state, event);
    this.#state = state;
    for (const effect of effects) await this.#perform(effect);
  }

  /** @throws Error when the event, or another one meanwhile, led to an abort */
  async #advance(event: SourceEvent): Promise<void> {
    await this.#on(event);
    this.#requireWanted();
  }

  async #perform(effect: SourceEffect): Promise<void> {
    const pod = this.#pod;
    const reason = 'reason' in this.#state ? this.#state.reason : '';
    switch (effect) {
      case 'decide':
        return await this.#on({ type: 'decided', decision: this.#claimed().claim.commit() });
      case 'send-commit':
        return this.#link?.send({ type: 'commit' });
      case 'release-guard':
        return pod?.committed();
      case 'tell-target-failed':
        this.#link?.send({ type: 'failed', message: reason });
        return this.#target.fail(new Error(reason));
      case 'end-freeze':
        return this.#endFreeze(this.#claimed());
      case 'revoke':
        return this.#claimed().claim.revoke();
      case 'lower-fence':
        // What the kubelet has lost meanwhile it may have again. A pod of which nothing is left is a question for both ends.
        if (this.fact === 'runs') await lowerFence(this.#ref?.uid ?? '');
    }
  }

  /** Whoever wants to know how it ends awaits `#ending`. */
  #endFreeze(pod: Standstill): void {
    const ending = Promise.allSettled([this.#preparing])
      .then(async () => pod.end())
      .then(async (by) => this.#on({ type: 'ended', by, reason: '' }));
    ending.catch(() => (this.#ending = undefined)); // can be tried again
    this.#ending = ending;
  }

  /** A guard that ends without having been asked: the budget is used up, or it was killed. */
  #watch(ended: Promise<FreezeEnd>, budgetMs: number): void {
    const report = async (by: FreezeEnd | 'failure', reason: string): Promise<void> => {
      if (this.#state.at !== 'aborting') await this.#on({ type: 'ended', by, reason });
    };
    void ended
      .then(
        async (by) => report(by, `the pod stood still for as long as it may: ${budgetMs / 1000} s`),
        async (error: unknown) => report('failure', (error as Error).message),
      )
      .catch((error: unknown) => this.#emit({ type: 'log', message: `the source guard ended oddly: ${(error as Error).message}` }));
  }

  /** An abort can come at any moment, also between two steps of a checkpoint that has begun. */
  #requireWanted(): void {
    if ('reason' in this.#state) throw new Error(this.#state.reason);
  }

  async #look(): Promise<SourcePod> {
    if (!this.#ref) throw new Error('the agent does not know the pod yet');
    return await findPod(this.#ref);
  }

  #claimed(): Standstill {
    if (!this.#pod) throw new Error('the agent has no claim on the pod');
    return this.#pod;
  }

  #connected(): PeerLink {
    if (!this.#link) throw new Error('the source agent is not connected to the target agent');
    return this.#link;
  }
}
