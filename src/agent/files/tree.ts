/** A folder whose content belongs to the pod's state. */
export interface Tree {
  /** Names it for both agents: `volume.NAME`, `projected.NAME`, `rootfs.CONTAINER`, `shm`. */
  readonly name: string;
  /** Absolute path on the node. */
  readonly folder: string;
  /** Whether it is the upper layer of an overlay, in which deletions are marked. */
  readonly isOverlay: boolean;
  /** Of the entries right in the folder only these travel; all when left out. */
  readonly only?: readonly string[];
}
