import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { plainSegment } from '../../protocol/names.ts';
import { nodeDir, onHost } from '../node/host.ts';
import { readCreateCall } from './create-call.ts';

/** A `create` call of a container that we await, held open until we answer. */
export interface HeldCreate {
  readonly containerId: string;
  readonly podUid: string;
  readonly container: string;
  readonly bundle: string;
  /** The runtime does what it was asked, with the bundle as it is now. */
  pass: () => void;
  /** The container is not created; the message gets to the kubelet's event. */
  fail: (message: string) => void;
  /** The runtime restores in the background, with these variables and options. */
  restore: (environment: Readonly<Record<string, string>>, options: readonly string[]) => void;
  /** The call returns: the container exists, with this process ID of the node. */
  created: (pid: number) => void;
}

const hookActions = ['setup-namespaces', 'post-setup-namespaces', 'post-restore', 'pre-resume'] as const;

/** A CRIU of ours that waits at one of its hooks. */
export interface HeldHook {
  readonly container: string;
  readonly action: (typeof hookActions)[number];
  readonly pid: number;
  release: () => void;
  /** CRIU gives up and kills what it has restored. */
  refuse: () => void;
}

export interface WrapperListener {
  onCreate: (create: HeldCreate) => void;
  onHook: (hook: HeldHook) => void;
  /**
   * The restore of a container has ended with runc's exit code; -1 when the wrapper vanished. A `create` that has no answer
   * when this settles is refused.
   */
  onExited: (containerId: string, code: number) => Promise<void>;
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

/** One connection of the wrapper's: a `create` and then the end of its restore, or a hook. */
class Conversation {
  readonly #socket: Socket;
  readonly #listener: WrapperListener;
  #isAnswered = false;
  #restoring: string | undefined;

  constructor(socket: Socket, listener: WrapperListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  hear([verb, ...fields]: readonly string[]): void {
    if (verb === 'create') this.#create(fields);
    else if (verb === 'hook') this.#hook(fields);
    else if (verb === 'exited') this.#exited(Number(fields[1]));
  }

  end(): void {
    if (this.#restoring !== undefined) this.#exited(-1);
  }

  #create([containerId = '', podUid = '', container = '', verb = '', ...words]: readonly string[]): void {
    try {
      const call = readCreateCall(words, Number(verb));
      this.#listener.onCreate({
        containerId,
        podUid,
        container,
        bundle: call.bundle,
        pass: () => this.#answer('pass'),
        fail: (message) => this.#answer('fail', message),
        restore: (environment, options) => {
          this.#restoring = containerId;
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

  #hook([name, pid = '', container = '']: readonly string[]): void {
    const action = hookActions.find((one) => one === name);
    if (!action) return void this.#socket.destroy();
    this.#listener.onHook({ container, action, pid: Number(pid), release: () => this.#say('ok'), refuse: () => this.#socket.destroy() });
  }

  #exited(code: number): void {
    const containerId = this.#restoring;
    this.#restoring = undefined;
    if (containerId === undefined) return;
    void this.#listener.onExited(containerId, code).finally(() => this.#answer('fail', 'the container could not be restored'));
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
