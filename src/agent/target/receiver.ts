import { closeSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { isPages, wholePod, type PeerMessage } from '../../protocol/frames.ts';

interface OpenFile {
  readonly fd: number;
  readonly container: string;
  readonly name: string;
  size: number;
  sum: number;
}

/** More than any pod has: a flood of small files is refused. */
const maxFiles = 200_000;

/**
 * Writes what the source sends below one folder: `images-CONTAINER/NAME` for CRIU's files, `trees/NAME` for packed
 * changes. Names were checked to be plain by the protocol; size and checksum are checked here, at the end of each file.
 */
export class Receiver {
  readonly #folder: string;
  readonly #containers: ReadonlySet<string>;
  readonly #open = new Map<number, OpenFile>();
  #files = 0;
  #bytes = 0;

  /** @param folder as this process sees it; @param containers those whose images are expected */
  constructor(folder: string, containers: readonly string[]) {
    this.#folder = folder;
    this.#containers = new Set(containers);
    mkdirSync(`${folder}/trees`, { recursive: true, mode: 0o700 });
    for (const container of containers) mkdirSync(`${folder}/images-${container}`, { recursive: true, mode: 0o700 });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws Error when the message makes no sense now; the migration must be aborted */
  onMessage(message: PeerMessage): void {
    if (message.type === 'open') this.#start(message);
    else if (message.type === 'close') this.#finish(message);
    else if (message.type === 'restorable') this.#requireClosed(message.container, (name) => !isPages(name));
    else if (message.type === 'checkpointed') this.#requireClosed(message.container, () => true);
    else if (message.type === 'complete') this.#compare(message);
  }

  /** @throws Error for data of a file that is not open, or when it cannot be written */
  onData(number: number, data: Buffer): void {
    const file = this.#open.get(number);
    if (!file) throw new Error('data of a file that was not opened');
    for (let at = 0; at < data.length;) at += writeSync(file.fd, data, at);
    file.size += data.length;
    file.sum = crc32(data, file.sum);
    this.#bytes += data.length;
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #start({ file, container, kind, name }: Extract<PeerMessage, { type: 'open' }>): void {
    if (file !== this.#files || this.#files >= maxFiles) throw new Error(`file ${file} does not come in order`);
    if (kind === 'image' && !this.#containers.has(container)) throw new Error(`images of an unknown container ${container}`);
    const place = { 'image': `images-${container}/${name}`, 'tree': `trees/${name}`, 'warm-up': 'warm-up' }[kind];
    const path = `${this.#folder}/${place}`;
    const fd = openSync(path, 'wx', 0o600);
    // Written like any other, but to a file that nobody can find.
    if (kind === 'warm-up') unlinkSync(path);
    this.#files++;
    this.#open.set(file, { fd, container, name, size: 0, sum: 0 });
  }

  #finish({ file: number, size, crc32: sum }: Extract<PeerMessage, { type: 'close' }>): void {
    const file = this.#open.get(number);
    if (!file) throw new Error('the end of a file that was not opened');
    this.#open.delete(number);
    closeSync(file.fd);
    if (file.size !== size || file.sum !== sum)
      throw new Error(`${file.container}/${file.name} came damaged: ${file.size} of ${size} bytes, or another checksum`);
  }

  #requireClosed(container: string, isWanted: (name: string) => boolean): void {
    if (!this.#containers.has(container)) throw new Error(`the checkpoint of an unknown container ${container}`);
    for (const { container: owner, name } of this.#open.values()) {
      if (owner === wholePod || (owner === container && isWanted(name)))
        throw new Error(`${owner}/${name} is not complete, but is said to be`);
    }
  }

  #compare({ files, bytes }: Extract<PeerMessage, { type: 'complete' }>): void {
    if (this.#open.size > 0 || files !== this.#files || bytes !== this.#bytes) {
      throw new Error(`the checkpoint came incomplete: ${this.#files} of ${files} files, ${this.#bytes} of ${bytes} bytes`);
    }
  }
}
