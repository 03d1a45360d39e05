import { existsSync, readdirSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { podVolumesDir, readSpec, sharedMemoryDir } from '../runc/container.ts';
import { unpackTree } from '../files/unpack.ts';
import type { AwaitedCreate } from './wrapper-server.ts';

type Stage = 'base' | 'last';

const volumeKinds = ['empty-dir', 'configmap', 'secret', 'projected', 'downward-api'];

/**
 * Puts the pod's files where the kubelet and the runtime of this node have made the new pod's folders. What is done is known by
 * the pod's UID, its sandbox and the container's ID, never by a name: a pod or container that is made anew has new folders.
 */
export class PodFolders {
  readonly #staged: string;
  readonly #done = new Map<string, Promise<void>>();

  /** @param staged the folder of received trees, as this process sees it */
  constructor(staged: string) {
    this.#staged = staged;
  }

  /** What was sent while the source still ran; takes as long as it takes. */
  async unpackBase(create: AwaitedCreate): Promise<void> {
    await this.#unpack('base', create);
  }

  /** What had changed when the source stood still. The pod's common folders are done once, with its first container. */
  async unpackLast(create: AwaitedCreate): Promise<void> {
    await this.#unpack('base', create);
    await this.#unpack('last', create);
  }

  async #unpack(stage: Stage, create: AwaitedCreate): Promise<void> {
    const { containerId, container, podUid, sandbox, bundle } = create;
    await Promise.all([
      this.#once(`${stage} ${podUid} ${sandbox}`, async () => this.#unpackShared(stage, create)),
      this.#once(`${stage} ${containerId}`, async () => unpackTree(this.#staged, stage, `rootfs.${container}`, `${bundle}/rootfs`)),
    ]);
  }

  /** Nothing is unpacked twice: by then a later stage may lie over it. */
  async #once(key: string, work: () => Promise<void>): Promise<void> {
    const promise = this.#done.get(key) ?? work();
    this.#done.set(key, promise);
    await promise;
  }

  async #unpackShared(stage: Stage, { bundle, podUid }: AwaitedCreate): Promise<void> {
    const spec = await readSpec(bundle);
    const volumes = podVolumesDir(spec, podUid);
    const shared = sharedMemoryDir(spec);
    const trees = new Set(readdirSync(this.#staged).map((name) => /^(?:base|last)\.(.+)\.(?:gone|tar)$/.exec(name)?.[1] ?? ''));
    for (const tree of trees) {
      const [kind, ...rest] = tree.split('.');
      const name = rest.join('.');
      const folder = kind === 'shm' ? shared : kind === 'rootfs' ? undefined : volumeFolder(volumes, name);
      if (kind === 'rootfs' || kind === '') continue;
      if (folder === undefined) throw new Error(`the new pod has no folder for ${tree}`);
      await unpackTree(this.#staged, stage, tree, folder);
    }
  }
}

function volumeFolder(volumes: string, name: string): string | undefined {
  return volumeKinds.map((kind) => `${volumes}/kubernetes.io~${kind}/${name}`).find((folder) => existsSync(onHost(folder)));
}
