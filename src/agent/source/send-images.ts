import { closeSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isPages } from '../../protocol/frames.ts';
import { now, emitSpan, type EventSink } from '../clock.ts';
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
 * Sends CRIU's image files of all containers while CRIU still writes them. First what a restore begins with, which is
 * all but the pages; then the pages, those of an earlier container first: the target restores them in that order, and
 * builds processes and namespaces of one while its pages, or another container's, are still on their way.
 *
 * @param filesSent when the pod's files are at the target; no container is told to be restorable before
 * @throws Error when a dump failed; nothing more is sent then
 */
export async function sendImages(
  link: PeerLink,
  dumps: readonly RunningDump[],
  filesSent: Promise<unknown>,
  emit: EventSink,
): Promise<void> {
  const folders = dumps.map((dump) => new ImageFolder(link, dump));
  const told: Promise<void>[] = [];
  try {
    for (let left = folders; left.length > 0; left = left.filter(({ isSent }) => !isSent)) {
      const begun = await firstThat(left, async (folder) => folder.sendAllButPages());
      if (begun) told.push(filesSent.then(() => link.send({ type: 'restorable', container: begun.container })));
      const moved = await firstThat(left, async (folder) => folder.sendSomePages());
      if (moved?.isSent) {
        emitSpan(emit, 'send-images', moved.container, moved.begunAt, now());
        told.push(filesSent.then(() => link.send({ type: 'checkpointed', container: moved.container })));
      }
      if (!begun && !moved) await Promise.race([...left.map(({ ended }) => ended), delay(2)]);
    }
    await Promise.all(told);
  } finally {
    for (const promise of told) promise.catch(() => undefined);
    for (const folder of folders) folder.close();
  }
}

async function firstThat(
  folders: readonly ImageFolder[],
  moves: (folder: ImageFolder) => Promise<boolean>,
): Promise<ImageFolder | undefined> {
  for (const folder of folders) if (await moves(folder)) return folder;
  return undefined;
}

interface OpenImage {
  readonly fd: number;
  readonly sender: FileSender;
  sent: number;
}

/** Files with memory pages only grow, so they are followed from the start; CRIU may rewrite the others until its end. */
class ImageFolder {
  readonly container: string;
  /** Settles when CRIU has ended, one way or the other; rejections come out of {@link sendAllButPages}. */
  readonly ended: Promise<void>;
  isSent = false;
  /** When the first of its files was opened. */
  begunAt = 0;
  #isBegun = false;
  readonly #link: PeerLink;
  readonly #folder: string;
  readonly #pages = new Map<string, OpenImage>();
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

  /** @returns whether this was the moment to send them. @throws Error when the dump failed */
  async sendAllButPages(): Promise<boolean> {
    if (this.#end instanceof Error) throw this.#end;
    if (this.#end === undefined || this.#isBegun) return false;
    for (const name of readdirSync(this.#folder).filter((one) => !isPages(one))) {
      const image = this.#openImage(name);
      try {
        while (await sendSome(image));
        image.sender.end();
      } finally {
        closeSync(image.fd);
      }
    }
    this.#isBegun = true;
    return true;
  }

  /** @returns whether there was something to send, or nothing more to come */
  async sendSomePages(): Promise<boolean> {
    const isLast = this.#isBegun;
    for (const name of readdirSync(this.#folder).filter(isPages)) {
      const image = this.#pages.get(name) ?? this.#openImage(name);
      this.#pages.set(name, image);
      if (await sendSome(image)) return true;
    }
    if (!isLast) return false;
    for (const { sender } of this.#pages.values()) sender.end();
    this.isSent = true;
    return true;
  }

  close(): void {
    for (const { fd } of this.#pages.values()) closeSync(fd);
  }

  #openImage(name: string): OpenImage {
    this.begunAt ||= now();
    return { fd: openSync(`${this.#folder}/${name}`, 'r'), sender: this.#link.openFile(this.container, 'image', name), sent: 0 };
  }
}

async function sendSome(image: OpenImage): Promise<boolean> {
  const { fd, sender, sent } = image;
  // Asked before a buffer is made: most files are tiny, and one that grows is looked at every few milliseconds.
  const left = Math.min(chunkBytes, fstatSync(fd).size - sent);
  if (left <= 0) return false;
  // A fresh buffer each time: the socket still holds the last one while it is being encrypted and sent.
  const buffer = Buffer.allocUnsafe(left);
  const bytes = readSync(fd, buffer, 0, left, sent);
  image.sent += bytes;
  if (bytes > 0) await sender.write(buffer.subarray(0, bytes));
  return bytes > 0;
}
