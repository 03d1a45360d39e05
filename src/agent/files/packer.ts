import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { besideJailed, startJailed } from '../node/host.ts';
import type { Tree } from './tree.ts';

/** A part of what a copy of a tree needs: of the list of what must go there, or of the archive. */
export interface Piece {
  readonly kind: 'gone' | 'tar';
  readonly bytes: Buffer;
}

/**
 * The program and how it is told what the tree is; see native/pack-tree.c.
 *
 * @param root where the program has the overlay's root
 */
export function packCommand({ overlay, only = [] }: Tree, root: string): string[] {
  return overlay ? ['pack-tree', 'overlay', overlay.marks, root] : ['pack-tree', 'plain', ...only];
}

/** Packs one tree in two rounds. Its program stays from the first to the second, and ends with it. */
export class TreePacker {
  readonly #tree: Tree;
  readonly #input: Writable;
  readonly #frames: AsyncGenerator<Frame>;
  readonly #ended: Promise<unknown>;
  #said = '';

  /** @param program runs {@link packCommand} in the tree's folder */
  constructor(tree: Tree, program: ChildProcess) {
    const { stdin, stdout, stderr } = program;
    if (!stdin || !stdout || !stderr) throw new Error('the program that packs a tree needs pipes');
    this.#tree = tree;
    this.#input = stdin;
    this.#frames = framesOf(stdout);
    this.#ended = new Promise((resolve) => program.once('close', resolve));
    // A program that is gone says why in its output, or by its end.
    stdin.on('error', () => undefined);
    stderr.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
  }

  static start(tree: Tree): TreePacker {
    return new TreePacker(tree, startJailed(tree.folder, packCommand(tree, besideJailed), tree.overlay?.root));
  }

  /** Everything, while it may change. @throws Error with the program's words */
  base(): AsyncGenerator<Piece> {
    return this.#round('base');
  }

  /**
   * What has changed since {@link base}, all without it; nothing may change now.
   *
   * @param mapped inodes that some process has mapped shared and writable
   * @throws Error with the program's words
   */
  last(mapped: Iterable<bigint>): AsyncGenerator<Piece> {
    return this.#round(['last', ...mapped].join(' '));
  }

  /** How many bytes the tree's files have, and those of them that changed within the last milliseconds. */
  async bytes(youngMs: number): Promise<{ all: number; young: number }> {
    this.#input.write(`bytes ${youngMs}\n`);
    let text = '';
    for await (const { kind, bytes } of this.#answer()) if (kind === 'b') text += bytes.toString();
    const [all = 0, young = 0] = text.split(' ').map(Number);
    return { all, young };
  }

  /** Lets the program end when it has answered. */
  end(): void {
    this.#input.end();
  }

  async *#round(order: string): AsyncGenerator<Piece> {
    this.#input.write(`${order}\n`);
    for await (const { kind, bytes } of this.#answer()) {
      if (kind === 'g' || kind === 't') yield { kind: kind === 'g' ? 'gone' : 'tar', bytes };
    }
  }

  /** The frames of one answer. Not by `for await`, which would end the program's output with the first of them. */
  async *#answer(): AsyncGenerator<Frame> {
    let reason = '';
    for (let { value, done } = await this.#frames.next(); !done; { value, done } = await this.#frames.next()) {
      const frame = value as Frame;
      if (frame.kind === 'd') return;
      if (frame.kind === 'x') reason += frame.bytes.toString();
      else yield frame;
    }
    await this.#ended;
    throw new Error(`cannot pack ${this.#tree.name}: ${reason || this.#said.trim().split('\n')[0] || 'its program has ended'}`);
  }
}

interface Frame {
  readonly kind: string;
  readonly bytes: Buffer;
}

const headBytes = 5;

/** Cuts the program's output into its frames; a long one comes in several parts of its kind. */
async function* framesOf(output: Readable): AsyncGenerator<Frame> {
  let head = Buffer.alloc(0);
  let kind = '';
  let left = 0;
  for await (let chunk of output as AsyncIterable<Buffer>) {
    while (chunk.length > 0) {
      if (left === 0) {
        const missing = headBytes - head.length;
        head = Buffer.concat([head, chunk.subarray(0, missing)]);
        chunk = chunk.subarray(missing);
        if (head.length < headBytes) break;
        kind = head.toString('latin1', 0, 1);
        left = head.readUInt32BE(1);
        head = Buffer.alloc(0);
        if (left === 0) yield { kind, bytes: head };
      } else {
        const bytes = chunk.subarray(0, left);
        left -= bytes.length;
        chunk = chunk.subarray(bytes.length);
        yield { kind, bytes };
      }
    }
  }
}
