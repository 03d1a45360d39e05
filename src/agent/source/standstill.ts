import { setTimeout as delay } from 'node:timers/promises';
import { scaled } from '../../deadlines.ts';
import type { PeerConnections, PodOnNode } from '../../protocol/agent-calls.ts';
import type { SourceFact } from '../../protocol/settle.ts';
import { frozenFile, readFrozenFile, type KnownContainer } from '../cgroup/frozen-list.ts';
import { stagingDir } from '../node/install.ts';
import { isPodOnNode } from '../node/kubelet-pods.ts';
import { raiseOwnWeight } from '../node/own-limits.ts';
import { connectionsOf } from '../proc/connections.ts';
import { processesOf } from '../proc/processes.ts';
import { signalsFile, signalsOf, stopWanted, type TaskSignals } from '../proc/signals.ts';
import { findContainer, sandboxOf, type NodeContainer } from '../runc/container.ts';
import { hasOtherContainers } from '../runc/replaced.ts';
import type { Claim } from './claim.ts';
import { containerFact, sourceFact } from './fact.ts';
import { raiseFence } from './fence.ts';
import { freezeTogether } from './freeze.ts';
import { endFreeze, killFrozen, SourceGuard, type FreezeEnd } from './guard.ts';
import type { SourcePod } from './pod.ts';
import { startRelay } from './relay.ts';

/** How long a kubelet may take to let go of a pod that has moved, behind a relay's end. */
const podGoneMs = 15_000;

/**
 * A pod that is claimed, and everything by which it comes to stand still and to run again: the fence before its kubelet, the guard,
 * the freezer. In the order of these: nothing is frozen of which nobody knows, or that nobody would let go.
 */
export class Standstill {
  readonly claim: Claim;
  readonly #podUid: string;
  readonly #addresses: readonly string[];
  #known: readonly KnownContainer[];
  #guard: SourceGuard | undefined;
  #signals: readonly TaskSignals[] = [];
  #relaying: Promise<number> | undefined;
  #connections: readonly PeerConnections[] = [];

  private constructor(claim: Claim, { uid, addresses }: PodOnNode, known: readonly KnownContainer[]) {
    this.claim = claim;
    this.#podUid = uid;
    this.#addresses = addresses;
    this.#known = known;
  }

  /** @param ref as the CLI knows the pod; what was frozen is known from the claim */
  static async of(claim: Claim, ref: PodOnNode): Promise<Standstill> {
    const frozen = claim.read('frozen');
    return new Standstill(claim, ref, frozen === undefined ? await knownContainers(ref) : readFrozenFile(frozen));
  }

  /**
   * Raises the fence and starts the guard, and has our work no longer wait for others. What it is to guard is written down.
   *
   * @returns the guard's end, if it comes by itself
   */
  async prepare(pod: SourcePod, budgetMs: number): Promise<{ ended: Promise<FreezeEnd> }> {
    const { migration, to } = this.claim.holder;
    raiseOwnWeight();
    await raiseFence(pod.uid, `it is being moved to ${to} by migration ${migration}`);
    this.claim.write('frozen', frozenFile(pod.containers));
    this.#known = pod.containers;
    this.#guard = await SourceGuard.start(this.claim, stagingDir(migration), budgetMs);
    return { ended: this.#guard.ended };
  }

  /** @param requireWanted throws when the freeze is not wanted any more */
  async freeze(containers: readonly NodeContainer[], requireWanted: () => void): Promise<void> {
    if (!this.#guard) throw new Error('nothing is frozen without a guard');
    this.#signals = await freezeTogether(containers, this.#guard, requireWanted);
    this.claim.write('signals', signalsFile(this.#signals));
  }

  /** What holds of the pod now. */
  get fact(): SourceFact {
    const wasFrozen = this.claim.read('frozen') !== undefined;
    return sourceFact(this.claim.decision, this.#known.map(containerFact), wasFrozen, () => hasOtherContainers(this.#podUid, this.#known));
  }

  /** Whether one of those that were frozen stands still, be it that the others run. */
  get isPartFrozen(): boolean {
    return this.claim.read('frozen') !== undefined && this.#known.some((container) => containerFact(container) === 'frozen');
  }

  /** Whether nothing is left of its processes. */
  get isGone(): boolean {
    return this.#known.every((container) => containerFact(container) === 'gone');
  }

  /**
   * The signal by which somebody wants to stop a container, if one came since the freeze. None when a container is gone: what there
   * is of that one is in the checkpoint alone, and stopping can be had where it goes on.
   */
  get stopWanted(): string | undefined {
    if (this.#known.some((container) => containerFact(container) === 'gone')) return undefined;
    const noted = this.claim.read('stopped');
    if (noted !== undefined) return `signal ${noted}`;
    for (const container of this.#known) {
      const signal = stopWanted(this.#signals, signalsOf(processesOf(container)), container.initPid);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  /** Has everything run again unless the source has committed. @throws Error naming what still stands */
  async end(): Promise<FreezeEnd> {
    const again = async (): Promise<FreezeEnd> => endFreeze(this.claim, stagingDir(this.claim.holder.migration));
    // A guard that is dead, or could not do it, is followed by another. So is one that had ended before our last freeze, or at a
    // commit that was taken back since.
    const by = await (this.#guard?.abort() ?? again()).catch(again);
    const isSettled = this.claim.decision === 'committed' || !this.#known.some((container) => containerFact(container) === 'frozen');
    return isSettled ? by : await again();
  }

  /** The target runs: from now on whoever wants to end what stands here may (native/source.c). */
  noteSuccessor(): void {
    this.claim.write('running', '');
  }

  /**
   * Has whoever comes to the pod's old address led on to these of its new ones, as they are reached from here; without one they wait.
   * To be called before the processes are ended, and again when addresses are known.
   *
   * @returns at how many of its sockets. @throws Error when nobody can be led on
   */
  async relay(addresses: readonly string[]): Promise<number> {
    if (this.claim.decision !== 'committed') throw new Error('the target has not taken over: nobody is led there');
    this.noteSuccessor();
    if (addresses.length > 0) this.claim.write('relay-to', addresses.join(' '));
    this.#relaying ??= this.#sandbox().then(async (sandbox) => startRelay(this.claim, sandbox));
    return await this.#relaying;
  }

  /** Ends a relay, in due course, and waits until its kubelet has let go of the pod. @returns whether it has */
  async untilLetGo(): Promise<boolean> {
    this.claim.write('relay-over', '');
    const isInUse = (): boolean => !this.isGone || isPodOnNode(this.#podUid);
    for (const deadline = performance.now() + scaled(podGoneMs); isInUse(); await delay(50)) if (performance.now() > deadline) return false;
    return true;
  }

  /** All stays frozen. */
  committed(): void {
    this.#guard?.committed();
    this.#connections = this.#known[0] ? connectionsOf(this.#known[0].initPid, this.#addresses) : [];
  }

  /**
   * Ends all of its processes: their network namespace still exists, so the kernel tells their peers with a reset.
   *
   * @returns with whom they had connections at the commit. @throws Error when one is left
   */
  async kill(): Promise<readonly PeerConnections[]> {
    this.noteSuccessor();
    await killFrozen(this.claim);
    return this.#connections;
  }

  async #sandbox(): Promise<string> {
    const [first] = this.#known;
    if (!first) throw new Error('the pod has no containers');
    return sandboxOf((await findContainer(first.name, `containerd://${first.id}`, this.#podUid)).spec);
  }
}

/** Those that the node has not, or not as containers of that pod, are known as gone. */
async function knownContainers(ref: PodOnNode): Promise<KnownContainer[]> {
  return await Promise.all(
    ref.containers.map(async ({ name, id }) =>
      findContainer(name, id, ref.uid).catch(() => ({ name, id: id.split('://')[1] ?? '', initPid: 0, cgroupPaths: { '': '/nowhere' } })),
    ),
  );
}
