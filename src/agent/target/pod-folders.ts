import { existsSync, readdirSync } from 'node:fs';
import { onHost } from '../node/host.ts';
import { podVolumesDir, readSpec, sharedMemoryDir, type RuntimeSpec } from '../runc/container.ts';
import { unpackTree } from '../files/unpack.ts';
import type { HeldCreate } from './shim-server.ts';

const volumeKinds = ['empty-dir', 'configmap', 'secret', 'projected', 'downward-api'];

/** Puts the pod's files where the kubelet and the runtime of this node have made the new pod's folders. */
export class PodFolders {
  readonly #staged: string;
  readonly #spec: Promise<RuntimeSpec>;
  readonly #podUid: string;
  #last: Promise<void> | undefined;
  readonly #rootsWithBase = new Set<string>();

  /** @param staged the folder of received trees, as this process sees it; @param first the first container of the pod */
  constructor(staged: string, first: HeldCreate) {
    this.#staged = staged;
    this.#podUid = first.podUid;
    this.#spec = readSpec(first.bundle);
  }

  /** What was sent while the source still ran; takes as long as it takes. */
  async unpackBase(create: HeldCreate): Promise<void> {
    await this.#unpackShared('base');
    await this.#unpackRoot('base', create);
  }

  /** What had changed when the source stood still. The pod's common folders are done once, with its first container. */
  async unpackLast(create: HeldCreate): Promise<void> {
    this.#last ??= this.#unpackShared('last');
    const base = this.#rootsWithBase.has(create.container) ? Promise.resolve() : this.#unpackRoot('base', create);
    await base;
    await Promise.all([this.#last, this.#unpackRoot('last', create)]);
  }

  async #unpackRoot(stage: 'base' | 'last', create: HeldCreate): Promise<void> {
    if (stage === 'base') this.#rootsWithBase.add(create.container);
    await unpackTree(this.#staged, stage, `rootfs.${create.container}`, `${create.bundle}/rootfs`);
  }

  async #unpackShared(stage: 'base' | 'last'): Promise<void> {
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
