import { sendTree } from '../files/pack.ts';
import { TreePacker } from '../files/packer.ts';
import type { Tree } from '../files/tree.ts';
import type { PeerLink } from '../peer/link.ts';
import type { NodeContainer } from '../runc/container.ts';
import { mappedInodes } from './mapped.ts';

/** Sends the pod's files in two rounds: everything while the pod runs, then what has changed, while it stands still. */
export class PodFiles {
  readonly #packers = new Map<string, TreePacker>();

  async sendBase(link: PeerLink, trees: readonly Tree[]): Promise<void> {
    for (const tree of trees) {
      const packer = TreePacker.start(tree);
      this.#packers.set(tree.name, packer);
      await sendTree(link, 'base', tree.name, packer.base());
    }
  }

  /** @param trees found anew: by now a process may hold other files */
  async sendLast(link: PeerLink, trees: readonly Tree[], containers: readonly NodeContainer[]): Promise<void> {
    const mapped = mappedInodes(containers, trees);
    await Promise.all(
      trees.map(async (tree) => {
        const packer = this.#packers.get(tree.name) ?? TreePacker.start(tree);
        await sendTree(link, 'last', tree.name, packer.last(mapped));
        packer.end();
      }),
    );
  }
}
