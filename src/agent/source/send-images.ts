import { closeSync, openSync, readSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileSender, PeerLink } from '../peer/link.ts';

const chunkBytes = 1 << 20;

interface Tail {
  readonly fd: number;
  readonly sender: FileSender;
}

/**
 * Sends the files of CRIU's image folder while CRIU still writes them. Files with memory pages only grow, so they
 * are followed from the start; the others may be rewritten and are sent when `finished` is fulfilled.
 *
 * @param folder as seen by this process
 * @param finished CRIU's end; when it rejects nothing more is sent and the promise returned here rejects too
 */
export async function sendImages(link: PeerLink, container: string, folder: string, finished: Promise<unknown>): Promise<void> {
  const tails = new Map<string, Tail>();
  let isFinished = false;
  const end = finished.then(() => {
    isFinished = true;
  });
  end.catch(() => undefined);
  const follow = (name: string): Tail => {
    const tail = tails.get(name) ?? { fd: openSync(`${folder}/${name}`, 'r'), sender: link.openFile(container, 'image', name) };
    tails.set(name, tail);
    return tail;
  };
  try {
    for (;;) {
      const wasFinished = isFinished;
      let moved = false;
      for (const name of readdirSync(folder)) {
        if (wasFinished || /^pages-.*\.img$/.test(name)) moved = (await sendMore(follow(name))) || moved;
      }
      if (wasFinished) break;
      if (!moved) await Promise.race([end, delay(2)]);
    }
    for (const { sender } of tails.values()) sender.end();
  } finally {
    for (const { fd } of tails.values()) closeSync(fd);
  }
}

async function sendMore({ fd, sender }: Tail): Promise<boolean> {
  let moved = false;
  for (;;) {
    // A fresh buffer each time: the socket still holds the last one while it is being encrypted and sent.
    const buffer = Buffer.allocUnsafe(chunkBytes);
    const bytes = readSync(fd, buffer);
    if (bytes === 0) return moved;
    moved = true;
    await sender.write(buffer.subarray(0, bytes));
  }
}
