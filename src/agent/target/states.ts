/** The places where CRIU stops for us, in their order. */
export const barriers = ['setup-namespaces', 'post-setup-namespaces', 'post-restore', 'pre-resume'] as const;
/**
 * At `setup-namespaces` a container's first process exists; at `post-setup-namespaces` all but the content of its memory does. At
 * `post-restore` sockets exist, but in repair mode, so that connections between containers survive when all containers wait here
 * for each other; at `pre-resume` credentials, LSM and seccomp are set as well, and the hook freezes the container.
 */
export type Barrier = (typeof barriers)[number];

/**
 * How far a container has come, in this order: its `create` waits (`created`), its files of before the freeze are there
 * (`unpacked`), the runtime restores it (`restoring`), its process exists (`built`), is to get its memory (`filling`) and has it
 * (`filled`), is frozen by its hook (`frozen`), the runtime has ended well (`restored`), and a look has found it standing (`held`).
 */
export type Step = 'awaited' | 'created' | 'unpacked' | 'restoring' | 'built' | 'filling' | 'filled' | 'frozen' | 'restored' | 'held';

export interface Container {
  readonly name: string;
  /** The runtime's ID of the one that counts; empty while none was asked for. */
  readonly id: string;
  readonly step: Step;
  /** All but the content of its memory is here. */
  readonly isRestorable: boolean;
  /** All is. */
  readonly isCheckpointed: boolean;
}

/** The awaited pod: the kubelet has not asked for it (`awaiting`), has (`armed`), and so on. */
export interface Pod {
  readonly at: 'awaiting' | 'armed' | 'restoring' | 'held' | 'committing' | 'running' | 'ended';
  readonly initContainers: readonly string[];
  /** As the kubelet of this node made it; empty while it did not. */
  readonly podUid: string;
  readonly sandbox: string;
  readonly containers: readonly Container[];
  /** Everything that the source has to send came, and was found whole. */
  readonly isComplete: boolean;
}

export type TargetState =
  | { readonly at: 'idle'; readonly isPrecopied: boolean }
  | Pod
  /** Given up, for good. `begun`: IDs of the containers whose restore had begun. */
  | { readonly at: 'failed'; readonly reason: string; readonly begun: readonly string[] };

export type TargetEvent =
  /** The CLI's. */
  | { readonly type: 'await'; readonly containers: readonly string[]; readonly initContainers: readonly string[] }
  /** The source's, or the CLI's when it knows that the source has committed. */
  | { readonly type: 'commit' }
  /** The source's. */
  | { readonly type: 'open' }
  | { readonly type: 'precopied' }
  | { readonly type: 'complete' }
  | { readonly type: 'restorable'; readonly container: string }
  | { readonly type: 'checkpointed'; readonly container: string }
  /** The runtime wrapper's. */
  | { readonly type: 'create'; readonly id: string; readonly container: string; readonly podUid: string; readonly sandbox: string }
  | { readonly type: 'hook'; readonly action: Barrier; readonly container: string; readonly pid: number }
  /** Our own: what an effect led to. `restored`: the runtime ended with 0. `stands`: a look found the container held. */
  | { readonly type: 'unpacked' | 'restored' | 'stands'; readonly id: string }
  /** The decision is made and the pod let go; or it was not, and never will be. */
  | { readonly type: 'went' }
  | { readonly type: 'refused'; readonly reason: string }
  /** All processes of the pod that ran here have ended. */
  | { readonly type: 'ended' }
  /** Anybody's. With an ID it is about that container, and nothing to a pod that has another in its place by now. */
  | { readonly type: 'fail'; readonly reason: string; readonly id?: string }
  | { readonly type: 'link-lost'; readonly reason: string };

export type Effect =
  /** Answers to a `create`: let it do nothing; the container is not created; the runtime restores it. */
  | { readonly do: 'noop' | 'restore'; readonly id: string }
  | { readonly do: 'refuse'; readonly id: string; readonly reason: string }
  | { readonly do: 'created'; readonly id: string; readonly pid: number }
  /** Put there what the source sent while it ran; `unpacked` follows. */
  | { readonly do: 'unpack'; readonly id: string }
  | { readonly do: 'arm'; readonly podUid: string }
  | { readonly do: 'release'; readonly container: string; readonly barrier: Barrier }
  /** Look whether the container is held; `stands` or `fail` follows. */
  | { readonly do: 'look'; readonly id: string }
  /** Look at all containers all the while; `fail` follows when one is lost. */
  | { readonly do: 'watch' }
  | { readonly do: 'say'; readonly stage: 'precopied' | 'held' | 'running' }
  /** Make the decision and let the pod go; `went` or `refused` follows. */
  | { readonly do: 'commit' }
  /** Decide that it will never run, and end all that was restored. */
  | { readonly do: 'give up'; readonly reason: string; readonly begun: readonly string[] };

export interface Transition {
  readonly state: TargetState;
  readonly effects: readonly Effect[];
}
