import { closeSync, openSync, readSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileSender, PeerLink } from '../peer/link.ts';

const chunkBytes = 1 << 20;

export interface RunningDump {
  /** The container's name. */
  readonly container: string;
  /** CRIU's image folder, as this process sees it. */
  readonly images: string;
  /** CRIU's end. */
  readonly finished: Promise<unknown>;
}

/**
 * Sends CRIU's image files of all containers while CRIU still writes them, what there is of an earlier container before
 * anything of a later one: the target restores them in that order, one while the next is still on its way.
 *
 * @param filesSent when the pod's files are at the target; no container is told to be complete before
 * @throws Error when a dump failed; nothing more is sent then
 */
export async function sendImages(link: PeerLink, dumps: readonly RunningDump[], filesSent: Promise<unknown>): Promise<void> {
  const folders = dumps.map((dump) => new ImageFolder(link, dump));
  const told: Promise<void>[] = [];
  try {
    for (let left = folders; left.length > 0; left = left.filter(({ isSent }) => !isSent)) {
      const moving = await firstThatMoves(left);
      if (moving?.isSent) told.push(filesSent.then(() => link.send({ type: 'checkpointed', container: moving.container })));
      if (!moving) await Promise.race([...left.map(({ ended }) => ended), delay(2)]);
    }
    await Promise.all(told);
  } finally {
    for (const promise of told) promise.catch(() => undefined);
    for (const folder of folders) folder.close();
  }
}

async function firstThatMoves(folders: readonly ImageFolder[]): Promise<ImageFolder | undefined> {
  for (const folder of folders) if (await folder.sendSome()) return folder;
  return undefined;
}

interface OpenImage {
  readonly fd: number;
  readonly sender: FileSender;
}

/** Files with memory pages only grow, so they are followed from the start; CRIU may rewrite the others until its end. */
class ImageFolder {
  readonly container: string;
  /** Settles when CRIU has ended, one way or the other; rejections come out of {@link sendSome}. */
  readonly ended: Promise<void>;
  isSent = false;
  readonly #link: PeerLink;
  readonly #folder: string;
  readonly #open = new Map<string, OpenImage>();
  #end: 'succeeded' | Error | undefined;

  constructor(link: PeerLink, { container, images, finished }: RunningDump) {
    this.#link = link;
    this.container = container;
    this.#folder = images;
    this.ended = finished.then(
      () => void (this.#end = 'succeeded'),
      (error: unknown) => void (this.#end = error as Error),
    );
  }

  /** @returns whether there was something to send. @throws Error when the dump failed */
  async sendSome(): Promise<boolean> {
    if (this.#end instanceof Error) throw this.#end;
    const isLast = this.#end !== undefined;
    for (const name of readdirSync(this.#folder)) {
      if ((isLast || /^pages-.*\.img$/.test(name)) && (await this.#sendSomeOf(name))) return true;
    }
    if (!isLast) return false;
    for (const { sender } of this.#open.values()) sender.end();
    this.isSent = true;
    return true;
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
  }

  async #sendSomeOf(name: string): Promise<boolean> {
    const image = this.#open.get(name) ?? { fd: openSync(`${this.#folder}/${name}`, 'r'), sender: this.#link.openFile(this.container, 'image', name) };
    this.#open.set(name, image);
    // A fresh buffer each time: the socket still holds the last one while it is being encrypted and sent.
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const bytes = readSync(image.fd, buffer);
    if (bytes > 0) await image.sender.write(buffer.subarray(0, bytes));
    return bytes > 0;
  }
}
