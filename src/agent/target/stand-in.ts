import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname } from 'node:path';
import { plainSegment } from '../../protocol/names.ts';
import { mountOnHost, nodeDir, onHost, unmountOnHost } from '../node/host.ts';
import { findRuntime } from '../runc/runtime.ts';
import { serveShim, type ShimListener } from './shim-server.ts';

/**
 * The stand-in for the node's container runtime (native/shim.c), mounted over it while a pod is awaited. It asks
 * whoever listens at the socket in the pod's folder, and refuses the pod's containers when nobody does.
 */
export class StandIn {
  /** The socket's path on the node. */
  readonly socket: string;
  readonly #folder: string;
  readonly #runtime: string;
  readonly #server: Server;

  private constructor(folder: string, runtime: string, server: Server) {
    this.socket = `${folder}/agent.sock`;
    this.#folder = folder;
    this.#runtime = runtime;
    this.#server = server;
  }

  /** @throws Error when the runtime is not found, or is covered by something that is not ours to share */
  static async mount(pod: AwaitedName & { readonly deadlineSeconds: number }, listener: ShimListener): Promise<StandIn> {
    const runtime = await findRuntime();
    copyRuntime(runtime);
    const folder = folderOf(pod);
    mkdirSync(onHost(folder), { recursive: true, mode: 0o700 });
    writeDeadline(folder, pod.deadlineSeconds);
    const server = await serveShim(onHost(`${folder}/agent.sock`), listener);
    const standIn = new StandIn(folder, runtime, server);
    try {
      await mountOnHost(`${nodeDir}/shim`, runtime);
      return standIn;
    } catch (error) {
      await standIn.unmount();
      throw error;
    }
  }

  /** The pod's containers are refused for so long, with or without this agent. */
  refuseFor(seconds: number): void {
    writeDeadline(this.#folder, seconds);
  }

  /** Forgets the pod, and gives the runtime back unless another migration on this node awaits a pod. */
  async unmount(): Promise<void> {
    this.#server.close();
    await forget(this.#folder, this.#runtime);
  }
}

/** Forgets a pod that an agent which is dead awaited here. The node must know nothing of that pod any more. */
export async function forgetPod(pod: AwaitedName): Promise<void> {
  await forget(folderOf(pod), await findRuntime());
}

interface AwaitedName {
  readonly namespace: string;
  readonly pod: string;
}

function folderOf({ namespace, pod }: AwaitedName): string {
  return `${nodeDir}/await/${plainSegment(namespace, 'namespace')}/${plainSegment(pod, 'pod')}`;
}

async function forget(folder: string, runtime: string): Promise<void> {
  rmSync(onHost(folder), { recursive: true, force: true });
  removeIfEmpty(onHost(dirname(folder)));
  await unmountOnHost(runtime);
}

/**
 * The shim calls a copy of the node's runtime: the original's path is covered by the shim itself, and runc run from a
 * bind mount of itself refuses to work (facts: criu). An existing copy belongs to a migration that is still under way.
 */
function copyRuntime(runtime: string): void {
  const copy = onHost(`${nodeDir}/real/${basename(runtime)}`);
  if (existsSync(copy)) return;
  if (readFileSync(onHost(runtime)).equals(readFileSync('/agent/shim'))) {
    throw new Error(`${runtime} is covered by the shim of an earlier migration, whose copy of the runtime is gone`);
  }
  mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
  copyFileSync(onHost(runtime), copy);
}

function writeDeadline(folder: string, secondsFromNow: number): void {
  writeFileSync(onHost(`${folder}/deadline`), `${Math.floor(Date.now() / 1000) + secondsFromNow}\n`);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // another pod of that namespace is awaited
  }
}
