import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

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

export interface ShimListener {
  onCreate: (create: HeldCreate) => void;
  onHook: (hook: HeldHook) => void;
  /** The restore of a container has ended with runc's exit code; -1 when the shim vanished. */
  onExited: (containerId: string, code: number) => void;
}

/**
 * Listens for the stand-in of the runtime (native/shim.c), which tells in lines of tab-separated fields what containerd
 * asks of it, and for the hooks of the CRIUs that it starts.
 *
 * @param path of the socket as this process sees it, at most 107 bytes
 */
export async function serveShim(path: string, listener: ShimListener): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    let restoring: string | undefined;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const fields = text.slice(0, end).split('\t');
        text = text.slice(end + 1);
        if (fields[0] === 'create') restoring = fields[1];
        if (fields[0] === 'exited') restoring = undefined;
        dispatch(fields, socket, listener);
      }
    });
    socket.on('close', () => {
      if (restoring !== undefined) listener.onExited(restoring, -1);
    });
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, () => resolve()));
  chmodSync(path, 0o600);
  return server;
}

function dispatch(fields: readonly string[], socket: Socket, listener: ShimListener): void {
  const say = (...words: readonly string[]): void => {
    if (!socket.destroyed) socket.write(`${words.map((word) => word.replace(/[\t\n]/g, ' ')).join('\t')}\n`);
  };
  const [verb, first = '', second = '', third = '', fourth = '', fifth = '', sixth = ''] = fields;
  if (verb === 'create') {
    listener.onCreate({
      containerId: first,
      podUid: fourth,
      container: fifth,
      bundle: sixth,
      pass: () => say('pass'),
      fail: (message) => say('fail', message),
      restore: (environment, options) => {
        const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
        say('restore', String(variables.length), ...variables, ...options);
      },
      created: (pid) => say('created', String(pid)),
    });
  } else if (verb === 'hook') {
    const action = hookActions.find((one) => one === first);
    if (!action) return void socket.destroy();
    listener.onHook({ container: third, action, pid: Number(second), release: () => say('ok'), refuse: () => socket.destroy() });
  } else if (verb === 'exited') {
    listener.onExited(first, Number(second));
  }
}
