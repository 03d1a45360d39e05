import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { plainSegment } from '../../protocol/names.ts';
import { nodeDir, onHost } from '../node/host.ts';
import { readSpec, sandboxOf } from '../runc/container.ts';
import { readCreateCall } from './create-call.ts';
import { barriers, type Barrier } from './states.ts';

/** A `create` call of a container that we await, which waits for our answer. */
export interface AwaitedCreate {
  readonly containerId: string;
  readonly podUid: string;
  readonly sandbox: string;
  readonly container: string;
  readonly bundle: string;
  /** The runtime does what it was asked, with the bundle as it is now. */
  pass: () => void;
  /** The container is not created; the message gets to the kubelet's event. Without effect once the call has returned. */
  fail: (message: string) => void;
  /** The runtime restores in the background, with these variables and options. @throws Error when it does not wait any more */
  restore: (environment: Readonly<Record<string, string>>, options: readonly string[]) => void;
  /** The call returns: the container exists, with this process ID of the node. */
  created: (pid: number) => void;
}

/** A CRIU of ours that waits at one of its hooks. */
export interface WaitingHook {
  readonly container: string;
  readonly barrier: Barrier;
  readonly pid: number;
  release: () => void;
  /** CRIU gives up and kills what it has restored. */
  refuse: () => void;
}

export interface WrapperListener {
  onCreate: (create: AwaitedCreate) => void;
  onHook: (hook: WaitingHook) => void;
  /** The hook has ended before we answered it. */
  onHookGone: (hook: WaitingHook) => void;
  /**
   * The restore of a container has ended with runc's exit code. A `create` that has no answer when this settles is refused.
   */
  onExited: (containerId: string, code: number) => Promise<void>;
  /** A keeper has carried out the decision, or has died: `note` is what it could not do. */
  onKeeperGone: (containerId: string, note: string | undefined) => void;
}

/**
 * Listens for the runtime wrapper (native/wrapper.c), which tells in lines of tab-separated fields what containerd
 * asks of it, and for the hooks of the CRIUs that it starts.
 *
 * @param path of the socket as this process sees it, at most 107 bytes
 */
export async function serveWrapper(path: string, listener: WrapperListener): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    const conversation = new Conversation(socket, listener);
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const fields = text.slice(0, end).split('\t');
        text = text.slice(end + 1);
        conversation.hear(fields);
      }
    });
    socket.on('close', () => conversation.end());
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, () => resolve()));
  chmodSync(path, 0o600);
  return server;
}

/** One connection of the wrapper's: a `create`, the end of its restore and then its keeper; or a hook. */
class Conversation {
  readonly #socket: Socket;
  readonly #listener: WrapperListener;
  #isAnswered = false;
  /** ID of the container whose keeper is at the other end. */
  #kept: string | undefined;
  #hasExited = false;
  #hook: WaitingHook | undefined;

  constructor(socket: Socket, listener: WrapperListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  hear([verb, ...fields]: readonly string[]): void {
    if (verb === 'create') void this.#create(fields);
    else if (verb === 'hook') this.#onHook(fields);
    else if (verb === 'exited') this.#exited(Number(fields[1]));
    else if (verb === 'done') this.#keeperGone(fields[2] ?? '');
  }

  end(): void {
    const hook = this.#hook;
    this.#hook = undefined;
    if (hook) this.#listener.onHookGone(hook);
    this.#keeperGone(undefined);
  }

  async #create([containerId = '', podUid = '', container = '', verb = '', ...words]: readonly string[]): Promise<void> {
    try {
      const call = readCreateCall(words, Number(verb));
      const sandbox = sandboxOf(await readSpec(call.bundle));
      this.#listener.onCreate({
        containerId,
        podUid,
        sandbox,
        container,
        bundle: call.bundle,
        pass: () => this.#answer('pass'),
        fail: (message) => this.#answer('fail', message),
        restore: (environment, options) => {
          if (this.#socket.destroyed) throw new Error('the runtime has not waited for it');
          this.#kept = containerId;
          const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
          this.#say('restore', String(variables.length), ...variables, ...call.asRestore(options));
        },
        created: (pid) => {
          if (call.pidFile !== undefined) writeFileSync(onHost(call.pidFile), String(pid));
          // By this the wrapper knows, at `start`, that there is nothing to start.
          mkdirSync(onHost(`${nodeDir}/restored`), { recursive: true, mode: 0o700 });
          writeFileSync(onHost(`${nodeDir}/restored/${plainSegment(containerId, 'container id')}`), '');
          this.#answer('created');
        },
      });
    } catch (error) {
      this.#answer('fail', (error as Error).message);
    }
  }

  #onHook([name, pid = '', container = '']: readonly string[]): void {
    const barrier = barriers.find((one) => one === name);
    if (!barrier) return void this.#socket.destroy();
    this.#hook = {
      container,
      barrier,
      pid: Number(pid),
      release: () => {
        this.#hook = undefined;
        this.#say('ok');
      },
      refuse: () => {
        this.#hook = undefined;
        this.#socket.destroy();
      },
    };
    this.#listener.onHook(this.#hook);
  }

  #exited(code: number): void {
    if (this.#kept === undefined || this.#hasExited) return;
    this.#hasExited = true;
    void this.#listener.onExited(this.#kept, code).finally(() => {
      if (code !== 0) this.#answer('fail', 'the container could not be restored');
    });
  }

  #keeperGone(note: string | undefined): void {
    const containerId = this.#kept;
    this.#kept = undefined;
    if (containerId !== undefined) this.#listener.onKeeperGone(containerId, note);
  }

  /** The `create` call returns with the first of these. */
  #answer(...words: readonly string[]): void {
    if (!this.#isAnswered) this.#say(...words);
    this.#isAnswered = true;
  }

  #say(...words: readonly string[]): void {
    if (!this.#socket.destroyed) this.#socket.write(`${words.map((word) => word.replace(/[\t\n]/g, ' ')).join('\t')}\n`);
  }
}
