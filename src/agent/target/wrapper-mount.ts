import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync } from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname } from 'node:path';
import { plainSegment } from '../../protocol/names.ts';
import { nodeDir, onHost, runOnHost } from '../node/host.ts';
import { awaitDir } from '../node/install.ts';
import { findRuntime } from '../runc/runtime.ts';
import { serveWrapper, type WrapperListener } from './wrapper-server.ts';

/**
 * The runtime wrapper for the node's container runtime (native/wrapper.c), mounted over it while a pod is awaited. It asks
 * whoever listens at the pod's socket, and refuses the pod's containers when nobody does.
 */
export class WrapperMount {
  /** The socket's path on the node. */
  readonly socket: string;
  readonly #runtime: string;
  readonly #server: Server;

  private constructor(socket: string, runtime: string, server: Server) {
    this.socket = socket;
    this.#runtime = runtime;
    this.#server = server;
  }

  /** @throws Error when the runtime is not found, or is covered by something that is not ours to share */
  static async mount(
    migration: string,
    pod: AwaitedName & { readonly deadlineSeconds: number },
    listener: WrapperListener,
  ): Promise<WrapperMount> {
    const runtime = await findRuntime();
    copyRuntime(runtime);
    const socket = socketOf(pod);
    mkdirSync(onHost(dirname(socket)), { recursive: true, mode: 0o700 });
    // Made under a short name: a socket's path has room for 107 bytes, and those of namespaces and pods are as long as they are.
    const draft = `${dirname(socket)}/.${migration}`;
    const server = await serveWrapper(onHost(draft), listener);
    setDeadline(draft, pod.deadlineSeconds);
    renameSync(onHost(draft), onHost(socket));
    const wrapper = new WrapperMount(socket, runtime, server);
    try {
      await setCover('cover', runtime);
      return wrapper;
    } catch (error) {
      await wrapper.unmount();
      throw error;
    }
  }

  /** The pod's containers are refused for so long, with or without this agent. */
  refuseFor(seconds: number): void {
    setDeadline(this.socket, seconds);
  }

  /** Forgets the pod, and gives the runtime back unless another migration on this node awaits a pod. */
  async unmount(): Promise<void> {
    this.#server.close();
    await forget(this.socket, this.#runtime);
  }
}

/** Forgets a pod that an agent which is dead awaited here. The node must know nothing of that pod any more. */
export async function forgetPod(pod: AwaitedName): Promise<void> {
  await forget(socketOf(pod), await findRuntime());
}

interface AwaitedName {
  readonly namespace: string;
  readonly pod: string;
}

/** @throws Error when the names are too long for a file's name together */
function socketOf({ namespace, pod }: AwaitedName): string {
  const name = `${plainSegment(namespace, 'namespace')}_${plainSegment(pod, 'pod')}`;
  if (name.length > 255) throw new Error(`the names of namespace ${namespace} and pod ${pod} are too long together`);
  return `${awaitDir}/${name}`;
}

async function forget(socket: string, runtime: string): Promise<void> {
  rmSync(onHost(socket), { force: true });
  await setCover('uncover', runtime);
}

/** Covers the runtime with the wrapper, once, however many migrations ask for it, or uncovers it when none awaits a pod any more. */
export async function setCover(verb: 'cover' | 'uncover', runtime: string): Promise<void> {
  const { code, stderr } = await runOnHost([`${nodeDir}/wrapper`, verb, runtime]);
  if (code !== 0) throw new Error(`cannot ${verb} ${runtime} on this node: ${stderr.trim() || `exit code ${code}`}`);
}

/**
 * The wrapper calls a copy of the node's runtime: the original's path is covered by the wrapper itself, and runc run from a
 * bind mount of itself refuses to work. An existing copy belongs to a migration that is still under way.
 */
export function copyRuntime(runtime: string): void {
  const copy = onHost(`${nodeDir}/real/${basename(runtime)}`);
  if (existsSync(copy)) return;
  if (readFileSync(onHost(runtime)).equals(readFileSync('/agent/wrapper'))) {
    throw new Error(`${runtime} is covered by the wrapper of an earlier migration, whose copy of the runtime is gone`);
  }
  mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
  copyFileSync(onHost(runtime), copy);
}

function setDeadline(socket: string, secondsFromNow: number): void {
  const now = Date.now() / 1000;
  utimesSync(onHost(socket), now, now + secondsFromNow);
}
