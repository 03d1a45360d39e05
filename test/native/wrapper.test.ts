import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { must, type RunResult } from '../../build/run.ts';
import { wrapperSources } from '../../native/build.ts';

const native = join(import.meta.dirname, '../../native');
let folder = '';
let nodeDir = '';
let server: Server | undefined;

/** What the runtime behind the runtime wrapper was called with; it is a script that writes that down. */
const recorder = `#!/bin/sh
{ for word in "$@"; do printf '%s\\n' "$word"; done; } > "$RECORD"
env | grep '^FROM_AGENT=' >> "$RECORD"
exit \${REAL_EXIT:-0}
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wrapper-'));
  nodeDir = join(folder, 'node');
  const sources = wrapperSources.map((name) => join(native, name));
  const flags = [
    '-std=c11',
    '-D_GNU_SOURCE',
    '-g',
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fsanitize=address,undefined',
    '-fno-sanitize-recover=all',
  ];
  await must(['gcc', ...flags, `-DNODE_DIR="${nodeDir}"`, '-o', join(folder, 'runc'), ...sources]);
}, 60_000);

beforeEach(async () => {
  await mkdir(join(nodeDir, 'real'), { recursive: true });
  await writeFile(join(nodeDir, 'real/runc'), recorder);
  await chmod(join(nodeDir, 'real/runc'), 0o755);
  await mkdir(join(folder, 'bundle'), { recursive: true });
});

afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(nodeDir, { recursive: true, force: true });
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

async function call(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult & { record: string[] }> {
  const record = join(folder, 'record');
  await rm(record, { force: true });
  const child = spawn(join(folder, 'runc'), args, {
    argv0: 'runc',
    cwd: join(folder, 'bundle'),
    env: { PATH: process.env['PATH'] ?? '', RECORD: record, ASAN_OPTIONS: 'detect_leaks=0', ...env },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? 1)));
  return { code, stdout: '', stderr, record: existsSync(record) ? (await readFile(record, 'utf8')).split('\n').slice(0, -1) : [] };
}

async function bundleOf(type: 'container' | 'sandbox', name = 'main', pod = 'web-0'): Promise<void> {
  const annotations = {
    'io.kubernetes.cri.container-type': type,
    'io.kubernetes.cri.sandbox-namespace': 'demo',
    'io.kubernetes.cri.sandbox-name': pod,
    'io.kubernetes.cri.sandbox-uid': '1234-abcd',
    'io.kubernetes.cri.container-name': name,
  };
  await writeFile(join(folder, 'bundle/config.json'), JSON.stringify({ annotations }));
}

const awaited = (): string => join(nodeDir, 'await/demo_web-0');

/** Awaits demo/web-0 with an agent that answers `create` as told. */
async function awaitPod(onLine: (line: string, socket: Socket) => void, secondsLeft = 30): Promise<string[]> {
  await mkdir(join(nodeDir, 'await'), { recursive: true });
  const lines: string[] = [];
  server = createServer((socket) => {
    let text = '';
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
  await new Promise<void>((resolve) => server?.listen(awaited(), resolve));
  await utimes(awaited(), new Date(), new Date(Date.now() + secondsLeft * 1000));
  return lines;
}

const create = ['--root', '/r', '--log', 'LOG', '--systemd-cgroup', 'create', '--bundle', 'BUNDLE', '--pid-file', 'PID', 'c0ffee'];
const createCall = (): string[] =>
  create.map((word) => ({ LOG: join(folder, 'log.json'), BUNDLE: join(folder, 'bundle'), PID: join(folder, 'pid') })[word] ?? word);

test('every other call goes to the real runtime, with its words and its exit code', async () => {
  const words = ['--root', '/x y', 'exec', '--process=/p', '-d', '', 'id', '--', '-t'];
  const { code, record } = await call(words, { REAL_EXIT: '7' });
  expect(code).toBe(7);
  expect(record).toEqual(words);
});

test('create and start go through when nobody is awaited', async () => {
  await bundleOf('container');
  for (const words of [createCall(), ['start', 'c0ffee']]) expect((await call(words)).record).toEqual(words);
});

test('sandboxes, and containers of other pods, go through while a pod is awaited', async () => {
  await awaitPod((_line, socket) => socket.write('fail\tnot asked\n'));
  await bundleOf('sandbox');
  expect((await call(createCall())).record).toEqual(createCall());
  await bundleOf('container', 'main', 'another');
  expect((await call(createCall())).record).toEqual(createCall());
});

test('create of an awaited container becomes the restore that the agent tells, and start of a restored one does nothing', async () => {
  await bundleOf('container');
  const lines = await awaitPod((line, socket) => {
    if (line.startsWith('create'))
      socket.write('restore\t1\tFROM_AGENT=yes it is\trunc\t--systemd-cgroup\trestore\t--image-path\t/images of it\tc0ffee\n');
    setTimeout(() => socket.write('created\n'), 100);
  });
  await writeFile(join(nodeDir, 'real/runc'), recorder.replace('exit', 'sleep 1\nexit'));
  const { code, record } = await call(createCall());
  expect(code).toBe(0);
  expect(lines[0]?.split('\t')).toEqual(['create', 'c0ffee', '1234-abcd', 'main', '6', 'runc', ...createCall()]);
  expect(record).toEqual(['--systemd-cgroup', 'restore', '--image-path', '/images of it', 'c0ffee', 'FROM_AGENT=yes it is']);
  // The restore ends after its create was answered; the agent hears of it all the same.
  await expect.poll(() => lines.at(-1)).toBe('exited\tc0ffee\t0');
  await mkdir(join(nodeDir, 'restored'));
  await writeFile(join(nodeDir, 'restored/c0ffee'), '');
  const start = await call(['start', 'c0ffee']);
  expect(start).toMatchObject({ code: 0, record: [] });
  expect((await call(['start', 'c0ffee'])).record).toEqual(['start', 'c0ffee']);
});

test('a restore that fails before it was answered fails the create, in the words of the agent', async () => {
  await bundleOf('container');
  const lines = await awaitPod((line, socket) =>
    socket.write(line.startsWith('create') ? 'restore\t0\trunc\trestore\n' : 'fail\tno such page\n'),
  );
  const { code, stderr } = await call(createCall(), { REAL_EXIT: '3' });
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'kubectl migrate: no such page\n' });
  await expect.poll(() => lines.at(-1)).toBe('exited\tc0ffee\t3');
});

test('the agent can have a container made as it is, or refused, and the kubelet hears why', async () => {
  await bundleOf('container');
  await awaitPod((_line, socket) => socket.write('pass\n'));
  expect((await call(createCall())).record).toEqual(createCall());
  server?.close();
  await rm(join(nodeDir, 'await'), { recursive: true });
  await awaitPod((_line, socket) => socket.write('fail\tno "way" \\ at all\n'));
  const { code, record, stderr } = await call(createCall());
  expect({ code, record }).toEqual({ code: 1, record: [] });
  expect(stderr).toBe("kubectl migrate: no 'way'   at all\n");
  const logged = (await readFile(join(folder, 'log.json'), 'utf8')).trim().split('\n').at(-1) ?? '';
  expect(JSON.parse(logged)).toEqual({ level: 'error', msg: "kubectl migrate: no 'way'   at all" });
});

test('an awaited container is never started by accident: no agent, no answer, no readable configuration', async () => {
  await bundleOf('container');
  await awaitPod((_line, socket) => socket.destroy());
  expect(await call(createCall())).toMatchObject({ code: 1, record: [] });
  server?.close();
  await writeFile(awaited(), '');
  await utimes(awaited(), new Date(), new Date(Date.now() + 30_000));
  expect(await call(createCall())).toMatchObject({ code: 1, record: [] });
  await writeFile(join(folder, 'bundle/config.json'), '{"annotations": {');
  expect(await call(createCall())).toMatchObject({ code: 1, record: [] });
});

test('an agent that dies while the container is restored fails the create', async () => {
  await bundleOf('container');
  await awaitPod((_line, socket) => {
    socket.write('restore\t0\trunc\trestore\n');
    setTimeout(() => socket.destroy(), 100);
  });
  await writeFile(join(nodeDir, 'real/runc'), recorder.replace('exit', 'sleep 1\nexit'));
  expect(await call(createCall())).toMatchObject({ code: 1 });
});

test('past its deadline an awaited container is refused once more, without asking', async () => {
  await bundleOf('container');
  await awaitPod(() => undefined, -5);
  expect(await call(createCall())).toMatchObject({ code: 1, record: [] });
});

test('the hook lets CRIU go on only when the agent says so', async () => {
  const hook = join(folder, 'hook');
  await rm(hook, { force: true });
  await symlink(join(folder, 'runc'), hook);
  const lines = await awaitPod((line, socket) => (line.includes('good') ? socket.write('ok\n') : socket.destroy()));
  const ask = async (action: string, container: string): Promise<number> => {
    const env = {
      CRTOOLS_SCRIPT_ACTION: action,
      CRTOOLS_INIT_PID: '99',
      KUBECTL_MIGRATE_SOCKET: awaited(),
      KUBECTL_MIGRATE_CONTAINER: container,
    };
    const child = spawn(hook, {
      argv0: hook,
      env: { ...env, KUBECTL_MIGRATE_DEADLINE: String(Math.floor(Date.now() / 1000) + 30), ASAN_OPTIONS: 'detect_leaks=0' },
    });
    return await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  };
  expect(await ask('network-unlock', 'bad')).toBe(0);
  expect(lines).toEqual([]);
  expect(await ask('setup-namespaces', 'bad')).toBe(1);
  expect(await ask('post-restore', 'good')).toBe(0);
  expect(await ask('pre-resume', 'bad')).toBe(1);
  expect(lines).toEqual(['hook\tsetup-namespaces\t99\tbad', 'hook\tpost-restore\t99\tgood', 'hook\tpre-resume\t99\tbad']);
  server?.close();
  await rm(join(nodeDir, 'await'), { recursive: true });
  expect(await ask('post-restore', 'good')).toBe(1);
});
