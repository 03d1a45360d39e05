import { existsSync, readdirSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { podVolumesDir, readSpec, sharedMemoryDir, type RuntimeSpec } from '../runc/container.ts';
import { unpackTree } from '../files/unpack.ts';
import type { HeldCreate } from './wrapper-server.ts';

type Stage = 'base' | 'last';

const volumeKinds = ['empty-dir', 'configmap', 'secret', 'projected', 'downward-api'];

/** Puts the pod's files where the kubelet and the runtime of this node have made the new pod's folders. */
export class PodFolders {
  readonly #staged: string;
  readonly #spec: Promise<RuntimeSpec>;
  readonly #podUid: string;
  readonly #shared = new Map<Stage, Promise<void>>();
  readonly #roots = new Map<string, Promise<void>>();

  /** @param staged the folder of received trees, as this process sees it; @param first the first container of the pod */
  constructor(staged: string, first: HeldCreate) {
    this.#staged = staged;
    this.#podUid = first.podUid;
    this.#spec = readSpec(first.bundle);
  }

  /** What was sent while the source still ran; takes as long as it takes. */
  async unpackBase(create: HeldCreate): Promise<void> {
    await Promise.all([this.#once(this.#shared, 'base', async () => this.#unpackShared('base')), this.#unpackRoot('base', create)]);
  }

  /** What had changed when the source stood still. The pod's common folders are done once, with its first container. */
  async unpackLast(create: HeldCreate): Promise<void> {
    await this.unpackBase(create);
    await Promise.all([this.#once(this.#shared, 'last', async () => this.#unpackShared('last')), this.#unpackRoot('last', create)]);
  }

  async #unpackRoot(stage: Stage, create: HeldCreate): Promise<void> {
    const unpack = async (): Promise<void> => unpackTree(this.#staged, stage, `rootfs.${create.container}`, `${create.bundle}/rootfs`);
    await this.#once(this.#roots, `${stage}.${create.container}`, unpack);
  }

  /** Nothing is unpacked twice: by then a later stage may lie over it. */
  async #once<K>(done: Map<K, Promise<void>>, key: K, work: () => Promise<void>): Promise<void> {
    const promise = done.get(key) ?? work();
    done.set(key, promise);
    await promise;
  }

  async #unpackShared(stage: Stage): Promise<void> {
    const spec = await this.#spec;
    const volumes = podVolumesDir(spec, this.#podUid);
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
