import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, contentsOf } from '../../build/cache.ts';
import { must, type RunResult } from '../../build/run.ts';
import { folderFlags, wrapperSources } from '../../native/build.ts';
import { strictFlags } from './strict.ts';

const native = join(import.meta.dirname, '../../native');

/** What stands for the runtime behind the wrapper: it writes down what it was called with. */
const recorder = `#!/bin/sh
{ for word in "$@"; do printf '%s\\n' "$word"; done; } > "$RECORD"
env | grep '^FROM_AGENT=' >> "$RECORD"
exit \${REAL_EXIT:-0}
`;

/** The words that containerd has before the verb. */
export const globals = ['--root', '/run/containerd/runc/k8s.io', '--log', 'LOG', '--systemd-cgroup'];

export type AgentLine = (line: string, socket: Socket) => void;

/** Folders and programs as a node has them, with a runtime that the runtime wrapper stands before. */
export class WrapperNode {
  readonly folder: string;
  readonly nodeDir: string;
  readonly runDir: string;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string) {
    this.folder = folder;
    this.nodeDir = join(folder, 'node');
    this.runDir = join(folder, 'run');
  }

  /** @throws Error with the compiler's words */
  static async make(flags: readonly string[] = strictFlags): Promise<WrapperNode> {
    const program = await readFile(await compile(flags), 'latin1');
    const node = new WrapperNode(await mkdtemp(placeholder.slice(0, -6)));
    // Compiled once for all tests: the folders in it are as long as ours.
    await writeFile(join(node.folder, 'runc'), program.replaceAll(placeholder, node.folder), { encoding: 'latin1', mode: 0o755 });
    await symlink(join(node.folder, 'runc'), join(node.folder, 'hook'));
    return node;
  }

  /** Everything is as on a node where nothing was asked yet. */
  async reset(): Promise<void> {
    this.silence();
    for (const name of ['node', 'run', 'bundle']) await rm(join(this.folder, name), { recursive: true, force: true });
    for (const name of ['real', 'await', 'kubelet']) await mkdir(join(this.nodeDir, name), { recursive: true });
    await symlink(join(this.nodeDir, 'kubelet'), join(this.nodeDir, 'pods'));
    await mkdir(join(this.runDir, 'held'), { recursive: true });
    await mkdir(join(this.folder, 'bundle'));
    await this.setRuntime(recorder);
  }

  async remove(): Promise<void> {
    this.silence();
    await rm(this.folder, { recursive: true, force: true });
  }

  async setRuntime(script: string): Promise<void> {
    const path = join(this.nodeDir, 'real', join(this.folder, 'runc').replaceAll('/', '%'));
    await writeFile(path, script);
    await chmod(path, 0o755);
  }

  /** The runtime's client calls. */
  async call(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult & { record: string[] }> {
    const record = join(this.folder, 'record');
    await rm(record, { force: true });
    const child = spawn(join(this.folder, 'runc'), args, {
      argv0: 'runc',
      cwd: join(this.folder, 'bundle'),
      env: { PATH: process.env['PATH'] ?? '', RECORD: record, ASAN_OPTIONS: 'detect_leaks=0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? 1)));
    return { code, stdout, stderr, record: existsSync(record) ? (await readFile(record, 'utf8')).split('\n').slice(0, -1) : [] };
  }

  /** `create` as containerd calls it. */
  createCall(id = 'c0ffee', before = globals): string[] {
    const words = [...before, 'create', '--bundle', join(this.folder, 'bundle'), '--pid-file', join(this.folder, 'pid'), id];
    return words.map((word) => (word === 'LOG' ? join(this.folder, 'log.json') : word));
  }

  async bundleOf(
    type: 'container' | 'sandbox',
    { name = 'main', pod = 'web-0', uid = '1234-abcd', style = 'containerd' } = {},
  ): Promise<void> {
    const annotations =
      style === 'containerd'
        ? {
            'io.kubernetes.cri.container-type': type,
            'io.kubernetes.cri.sandbox-namespace': 'demo',
            'io.kubernetes.cri.sandbox-name': pod,
            'io.kubernetes.cri.sandbox-uid': uid,
            'io.kubernetes.cri.container-name': name,
          }
        : {
            'io.kubernetes.cri-o.ContainerType': type,
            'io.kubernetes.pod.namespace': 'demo',
            'io.kubernetes.pod.name': pod,
            'io.kubernetes.pod.uid': uid,
            'io.kubernetes.container.name': name,
          };
    await writeFile(join(this.folder, 'bundle/config.json'), JSON.stringify({ annotations }));
  }

  entry(pod = 'web-0'): string {
    return join(this.nodeDir, 'await', `demo_${pod}`);
  }

  /** Awaits a pod of namespace demo with an agent that answers as told. @returns the lines that it hears */
  async awaitPod(onLine: AgentLine, { pod = 'web-0', leaseSeconds = 3600 } = {}): Promise<string[]> {
    const lines: string[] = [];
    const server = createServer((socket) => {
      let text = '';
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
          const line = text.slice(0, end);
          text = text.slice(end + 1);
          lines.push(line);
          onLine(line, socket);
        }
      });
    });
    await this.lease(leaseSeconds, pod);
    await new Promise<void>((resolve) => server.listen(this.entry(pod), resolve));
    this.#servers.push(server);
    return lines;
  }

  async lease(seconds: number, pod = 'web-0'): Promise<void> {
    const folder = join(this.nodeDir, 'await', `.demo_${pod}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'until'), `${Math.floor(bootMs() / 1000) + seconds}`);
  }

  /** The agent is killed: its sockets are closed, their files stay. */
  silence(): void {
    for (const server of this.#servers.splice(0)) {
      // Closed by its owner a socket's file is removed: not so when that is killed.
      const path = server.address() as string | null;
      if (path !== null && existsSync(path)) renameSync(path, `${path}.kept`);
      server.close();
      if (path !== null && existsSync(`${path}.kept`)) renameSync(`${path}.kept`, path);
    }
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** The folder of a migration whose containers are held. */
  async hold(migration: string, leaseMs = 60_000): Promise<string> {
    const held = join(this.runDir, 'held', migration);
    await mkdir(held, { recursive: true });
    writeFileSync(join(held, 'deadline'), `${bootMs() + leaseMs}`);
    return held;
  }
}

const placeholder = join(tmpdir(), 'wrapper-XXXXXX');

async function compile(flags: readonly string[]): Promise<string> {
  const sources = wrapperSources.map((name) => join(native, name));
  const headers = (await readdir(native)).filter((name) => name.endsWith('.h')).map((name) => join(native, name));
  const options = [...flags, ...folderFlags({ nodeDir: join(placeholder, 'node'), runDir: join(placeholder, 'run') })];
  const output = await cached('test-wrapper', [...options, ...(await contentsOf([...sources, ...headers]))], async (draft) => {
    await must(['gcc', ...options, '-o', join(draft, 'runc'), ...sources]);
  });
  return join(output, 'runc');
}

/** Milliseconds since boot, as the kernel counts for everybody on this machine. */
export function bootMs(): number {
  return Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000);
}
