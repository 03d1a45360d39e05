import { wholePod } from '../../protocol/frames.ts';
import type { FileSender, PeerLink } from '../peer/link.ts';
import type { Piece } from './packer.ts';

/** Sends what a copy of a tree needs as two files: `STAGE.TREE.gone`, what must go there first, and `STAGE.TREE.tar`; neither when empty. */
export async function sendTree(link: PeerLink, stage: 'base' | 'last', tree: string, pieces: AsyncIterable<Piece>): Promise<void> {
  const files = new Map<Piece['kind'], FileSender>();
  for await (const { kind, bytes } of pieces) {
    const file = files.get(kind) ?? link.openFile(wholePod, 'tree', `${stage}.${tree}.${kind}`);
    files.set(kind, file);
    await file.write(bytes);
  }
  for (const file of files.values()) file.end();
}
