import { connect, type Server } from 'node:net';
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { plainSegment } from '../../protocol/names.ts';
import { bootMs } from '../node/boot-clock.ts';
import { coverRuntime, uncoverRuntime, type Cover } from '../node/cover.ts';
import { onHost } from '../node/host.ts';
import { awaitDir } from '../node/install.ts';
import { isPodOnNode, linkKubeletPods } from '../node/kubelet-pods.ts';
import { putFile } from '../node/small-file.ts';
import { serveWrapper, type WrapperListener } from './wrapper-server.ts';

export interface AwaitedName {
  readonly namespace: string;
  readonly pod: string;
}

/** So long after our last sign of life a pod is awaited that this node has never seen. Not scaled, as native/await.c: nobody waits for it. */
const unseenSeconds = 3600;

const coverLookEveryMs = 200;

interface CoverListener {
  readonly isNeeded: () => boolean;
  readonly onUncovered: () => void;
  /** Of tries that end alike, the first. */
  readonly onFailure: (message: string) => void;
}

/**
 * A pod's name among those that are awaited on this node (native/await.c). While it stands, the runtime wrapper lies over the
 * node's runtime, asks us before it creates a container of that pod, and refuses when nobody answers. It stands as long as we
 * answer, as long as the node has a pod of that name that came meanwhile, and for an hour when none came.
 */
export class AwaitEntry {
  /** The socket's path on the node. */
  readonly socket: string;
  readonly #server: Server;
  #cover: Cover | undefined;

  private constructor(socket: string, server: Server) {
    this.socket = socket;
    this.#server = server;
  }

  /** @throws Error when another agent awaits that pod, or the runtime cannot be covered */
  static async make(migration: string, pod: AwaitedName, listener: (socket: string) => WrapperListener): Promise<AwaitEntry> {
    linkKubeletPods();
    const socket = socketOf(pod);
    mkdirSync(onHost(folderOf(socket)), { recursive: true, mode: 0o700 });
    // Made under a short name: a socket's path has room for 107 bytes, and those of namespaces and pods are as long as they are.
    const draft = `${awaitDir}/.${migration}`;
    const server = await serveWrapper(onHost(draft), listener(socket));
    const entry = new AwaitEntry(socket, server);
    try {
      entry.renew();
      await takePlace(onHost(draft), onHost(socket));
    } catch (error) {
      server.close();
      rmSync(onHost(draft), { force: true });
      throw error;
    }
    try {
      entry.#cover = await coverRuntime();
    } catch (error) {
      await entry.remove();
      throw error;
    }
    return entry;
  }

  /** Once a second, as long as we live. */
  renew(): void {
    putFile(onHost(`${folderOf(this.socket)}/until`), String(Math.floor(bootMs() / 1000) + unseenSeconds));
  }

  /** Without the cover the node would start from nothing whatever of the pod comes next. That is told first; to put it back may take tries. */
  async keepCovered({ isNeeded, onUncovered, onFailure }: CoverListener): Promise<void> {
    let told = '';
    for (; isNeeded(); await delay(coverLookEveryMs)) {
      if (this.#cover?.stands) continue;
      onUncovered();
      try {
        this.#cover = await coverRuntime();
        told = '';
      } catch (error) {
        const message = `cannot cover the runtime again: ${(error as Error).message}`;
        if (message !== told) onFailure(message);
        told = message;
      }
    }
  }

  /** The pod runs here: its entry stands only as long as we answer, whatever the node has of it. */
  markMoved(): void {
    putFile(onHost(`${folderOf(this.socket)}/moved`), '');
  }

  /** Whether the wrapper was asked for anything of the pod with this UID. */
  hasSeen(uid: string): boolean {
    return seenUids(this.socket).includes(uid);
  }

  /** Whether a pod of that name came to this node, and whether it still has one. */
  get podOnNode(): 'never seen' | 'there' | 'gone' {
    const uids = seenUids(this.socket);
    if (uids.length === 0) return 'never seen';
    return uids.some(isPodOnNode) ? 'there' : 'gone';
  }

  /**
   * Gives the runtime back, unless another entry stands. To be done only for a pod that runs here, or that this node will not
   * create any more: it would start the program from nothing.
   */
  async remove(): Promise<void> {
    this.#server.close();
    await removeEntry(this.socket);
  }
}

/** Removes the entry of an agent that is dead; {@link AwaitEntry.remove} says when. */
export async function forgetPod(pod: AwaitedName): Promise<void> {
  await removeEntry(socketOf(pod));
}

/** UIDs of pods of that name which came to this node while it was awaited. */
export function seenPods(pod: AwaitedName): string[] {
  return seenUids(socketOf(pod));
}

async function removeEntry(socket: string): Promise<void> {
  rmSync(onHost(socket), { force: true });
  // The wrapper may be at the same: what stands no more, it removes.
  await rm(onHost(folderOf(socket)), { recursive: true, force: true, maxRetries: 3 });
  await uncoverRuntime();
}

function seenUids(socket: string): string[] {
  return namesIn(onHost(folderOf(socket))).filter((name) => name !== 'until' && name !== 'moved' && !name.startsWith('.'));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** @throws Error when the names are too long for a file's name together */
function socketOf({ namespace, pod }: AwaitedName): string {
  const name = `${plainSegment(namespace, 'namespace')}_${plainSegment(pod, 'pod')}`;
  if (name.length > 254) throw new Error(`the names of namespace ${namespace} and pod ${pod} are too long together`);
  return `${awaitDir}/${name}`;
}

function folderOf(socket: string): string {
  return `${awaitDir}/.${socket.slice(awaitDir.length + 1)}`;
}

/** What a dead agent left is in nobody's way; a living one's place is not taken. */
async function takePlace(draft: string, socket: string): Promise<void> {
  try {
    linkSync(draft, socket);
    rmSync(draft);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (await isAnswered(socket, `${draft}.probe`)) throw new Error('another migration awaits a pod of that name on this node');
    renameSync(draft, socket);
  }
}

/** @param short for the while; the socket's own path may be longer than an address has room for */
async function isAnswered(path: string, short: string): Promise<boolean> {
  symlinkSync(basename(path), short);
  try {
    return await new Promise((resolve) => {
      const socket = connect(short, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  } finally {
    rmSync(short, { force: true });
  }
}
