import type { OverlayMount } from '../runc/overlay.ts';

/** A container's root file system. Its upper layer says what was changed, but need not have all of it: see native/walk.h. */
export interface Overlay {
  /** Absolute path on the node. */
  readonly root: string;
  readonly marks: OverlayMount['marks'];
}

/** A folder whose content belongs to the pod's state. */
export interface Tree {
  /** Names it for both agents: `volume.NAME`, `projected.NAME`, `rootfs.CONTAINER`, `shm`. */
  readonly name: string;
  /** Absolute path on the node. */
  readonly folder: string;
  /** The overlay whose upper layer it is. */
  readonly overlay?: Overlay;
  /** Of the entries right in the folder only these travel; all when left out. */
  readonly only?: readonly string[];
}
