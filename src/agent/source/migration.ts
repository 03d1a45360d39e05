import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { CheckpointResult, Inspection, PodOnNode } from '../../protocol/agent-calls.ts';
import type { SourceFact } from '../../protocol/settle.ts';
import { timed, type EventSink } from '../clock.ts';
import { learnKerndat } from '../criu/kerndat.ts';
import { hostProc, runOnHost } from '../node/host.ts';
import { install } from '../node/install.ts';
import { connectToPeer, PeerLink } from '../peer/link.ts';
import type { NodeContainer } from '../runc/container.ts';
import { foreignProcesses, freeze, isAmidVfork, isHeld, processesOf, thaw, untilFrozen } from '../runc/freezer.ts';
import { findRuntime } from '../runc/runtime.ts';
import { abortUnlessCommitted, revokeCommit, writeCommitRecord } from './commit-record.ts';
import { prepareDump, untilNoDump, type Dump } from './dump.ts';
import { inspect } from './inspect.ts';
import { PodFiles } from './pod-files.ts';
import { findPod, type SourcePod } from './pod.ts';
import { emitBytes, emitStages } from './progress.ts';
import { sendImages, type RunningDump } from './send-images.ts';
import { TargetProgress } from './target-progress.ts';
import { warmUp } from './warm-up.ts';

/**
 * The source's side of one migration. It alone decides whether the source may run again: until the commit record is
 * written any failure thaws the pod, after it nothing does.
 */
export class SourceMigration {
  readonly #id: string;
  readonly #emit: EventSink;
  readonly #files = new PodFiles();
  readonly #target = new TargetProgress();
  #ref: PodOnNode | undefined;
  #pod: SourcePod | undefined;
  #link: PeerLink | undefined;
  #state: 'running' | 'frozen' | 'committed' = 'running';
  #dumping: Promise<unknown> = Promise.resolve();
  #isAborted = false;

  constructor(id: string, emit: EventSink) {
    this.#id = id;
    this.#emit = emit;
  }

  async inspect(ref: PodOnNode): Promise<Inspection> {
    await install(this.#id);
    this.#ref = ref;
    const [inspection] = await Promise.all([this.#look().then(inspect), learnKerndat()]);
    return inspection;
  }

  async connect(host: string, port: number, key: string): Promise<void> {
    const socket = await connectToPeer(host, port, key, 15_000);
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
      await this.#target.reaches('precopied');
      return { bytes: link.sent.bytes - warmed, bytesPerSecond };
    } finally {
      stop();
    }
  }

  /**
   * The frozen part, up to the moment when all runs again at the target. In one function, because its order is what
   * makes it safe (one frozen instant, never two running copies, never none).
   *
   * @throws Error after which the source runs again, unless the commit record was written before
   */
  async checkpoint(): Promise<CheckpointResult> {
    const link = this.#connected();
    const { containers } = await this.#look();
    const runtime = await findRuntime();
    const dumps = await Promise.all(containers.map(async (container) => prepareDump(this.#id, container, runtime)));
    const stop = emitBytes(this.#emit, link);
    try {
      this.#requireWanted();
      const reached = emitStages(this.#emit, link);
      this.#state = 'frozen';
      await timed(this.#emit, 'freeze', undefined, async () => freezeTogether(containers));
      reached('frozen');

      const { trees } = await this.#look();
      const running = this.#startDumps(dumps);
      const filesSent = timed(this.#emit, 'send-files', undefined, async () => this.#files.sendLast(link, trees, containers));
      await this.#target.unlessItFails(Promise.all([filesSent, sendImages(link, running, filesSent, this.#emit)]));
      requireHeld(containers);
      link.send({ type: 'complete', ...link.sent });
      reached('sent');

      await this.#target.reaches('held');
      reached('held');

      this.#requireWanted();
      requireHeld(containers);
      writeCommitRecord(this.#id, this.#ref?.uid ?? '');
      this.#state = 'committed';
      link.send({ type: 'commit' });
      reached('committed');

      await this.#target.reaches('running');
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
   * @returns `running` when the source runs, `committed` when the target has taken over and the source stays frozen
   */
  async abort(reason: Error): Promise<'running' | 'committed'> {
    if (this.#state === 'committed') return 'committed';
    this.#isAborted = true;
    this.#link?.send({ type: 'failed', message: reason.message });
    if (this.#state === 'frozen') {
      // CRIU gives the freezer back as it found it, frozen: thawing before CRIU has ended would be undone.
      await this.#dumping;
      for (const container of this.#pod?.containers ?? []) thaw(container);
      // The state stays: a freeze that was under way may come to its end after this, and its failure thaws once more.
    }
    return 'running';
  }

  /**
   * Takes over from an agent that died while the pod stood still: only the commit record tells how far it got.
   *
   * @param targetNeverRan the target's word that the commit did not get there, and that it takes none any more
   */
  async takeOver(ref: PodOnNode, targetNeverRan: boolean): Promise<'running' | 'committed'> {
    await install(this.#id);
    await untilNoDump(this.#id);
    this.#ref = ref;
    const { containers } = await this.#look();
    if (targetNeverRan) revokeCommit(this.#id, ref.uid);
    else if (abortUnlessCommitted(this.#id, ref.uid) === 'committed') {
      this.#state = 'committed';
      return 'committed';
    }
    for (const container of containers) thaw(container);
    return 'running';
  }

  /**
   * Ends the frozen source processes; only after the commit, and when the pod object is being deleted (or the kubelet
   * would start them anew). Their network namespace still exists, so the kernel tells their peers with a reset.
   */
  async kill(): Promise<void> {
    if (this.#state !== 'committed') throw new Error('the target has not taken over: the processes of the source stay');
    const runtime = await findRuntime();
    await Promise.all(
      (this.#pod?.containers ?? []).map(async (container) => {
        await runOnHost([runtime, '--root', container.runcRoot, 'kill', '--all', container.id, 'KILL'], { deadlineMs: 10_000 });
        // With cgroup v1 a frozen process dies when it is thawed: of the pending SIGKILL, before its next instruction.
        thawIfThere(container);
      }),
    );
  }

  get fact(): SourceFact {
    if (this.#state === 'committed') return 'committed';
    return this.#state === 'frozen' && !this.#isAborted ? 'undecided' : 'runs';
  }

  /** Whether nothing is left of a source that committed: its record has told all it had to tell. */
  get isOver(): boolean {
    return this.#state === 'committed' && (this.#pod?.containers ?? []).every(({ initPid }) => !existsSync(`${hostProc}/${initPid}`));
  }

  close(): void {
    this.#link?.close();
  }

  /** In order, as many at once as there are processors: the first one is complete early, and its restore can begin. */
  #startDumps(dumps: readonly Dump[]): RunningDump[] {
    const limit = pLimit(availableParallelism());
    const start = async (dump: Dump): Promise<void> => {
      this.#requireWanted();
      await dump.run();
    };
    const running = dumps.map((dump) => ({
      ...dump,
      finished: limit(async () => timed(this.#emit, 'dump', dump.container, async () => start(dump))),
    }));
    this.#dumping = Promise.allSettled(running.map(({ finished }) => finished));
    return running;
  }

  /** An abort can come at any moment, also between two steps of a checkpoint that has begun. */
  #requireWanted(): void {
    if (this.#isAborted) throw new Error('the migration was aborted');
  }

  async #look(): Promise<SourcePod> {
    if (!this.#ref) throw new Error('the agent does not know the pod yet');
    this.#pod = await findPod(this.#ref);
    return this.#pod;
  }

  #connected(): PeerLink {
    if (!this.#link) throw new Error('the source agent is not connected to the target agent');
    return this.#link;
  }
}

/** A CRIU that died lets its container run again: such a container has gone on since its checkpoint. */
function requireHeld(containers: readonly NodeContainer[]): void {
  for (const container of containers) {
    if (!isHeld(container)) throw new Error(`container ${container.name} ran on during its checkpoint`);
  }
}

/**
 * An exec probe may be running at any instant, or a program just be starting another; what CRIU finds of either makes the
 * dump fail.
 */
const freezeAttempts = 40;

/** Freezes all containers in one instant in which nothing that exec brought in is among their processes, and none is in vfork. */
async function freezeTogether(containers: readonly NodeContainer[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    for (const container of containers) freeze(container);
    await Promise.all(containers.map(untilFrozen));
    const standing = containers.map((container) => ({ container, processes: processesOf(container) }));
    const strange = standing.find(({ container, processes }) => foreignProcesses(container, processes).length > 0)?.container;
    const spawning = standing.find(({ processes }) => isAmidVfork(processes))?.container;
    if (!strange && !spawning) return;
    for (const container of containers) thaw(container);
    if (attempt === freezeAttempts) {
      throw new Error(
        strange
          ? `a process started by exec does not leave container ${strange.name}`
          : `container ${spawning?.name} is starting other programs all the time (vfork)`,
      );
    }
    // Not in step with what goes on in there.
    await delay(strange ? 50 : 1 + Math.random() * 20);
  }
}

function thawIfThere(container: NodeContainer): void {
  try {
    thaw(container);
  } catch {
    // its cgroup went with the last process
  }
}
