import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must, run } from '../../build/run.ts';
import { relaySources } from '../../native/build.ts';
import { FreezerPod, freezerVersions } from './freezer-pod.ts';
import { strictFlags } from './strict.ts';

const native = join(import.meta.dirname, '../../native');
const port = 8080;
const patient = { timeout: 30_000, interval: 50 };
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'));
  const sources = relaySources.map((name) => join(native, name));
  await Promise.all([
    must(['gcc', ...strictFlags, `-DNODE_DIR="${folder}"`, '-o', join(folder, 'relay'), ...sources]),
    must(['gcc', '-O1', '-Wall', '-o', join(folder, 'web'), join(import.meta.dirname, '../workloads/web.c'), '-pthread']),
  ]);
}, 60_000);
afterAll(async () => rm(folder, { recursive: true }));

/** The pod's network, which the machine's own reaches as a node does, and the frozen server in it. */
class MovedPod {
  readonly claim: string;
  readonly addresses: { readonly old: readonly string[]; readonly new: readonly string[] };
  readonly #name: string;
  readonly #cgroups: FreezerPod;
  readonly #children: ChildProcess[] = [];

  private constructor(name: string, cgroups: FreezerPod, net: number) {
    this.#name = name;
    this.#cgroups = cgroups;
    this.claim = join(folder, name);
    const [four, six] = [`10.254.${net}`, `fd00:254:${net}:`];
    this.addresses = { old: [`${four}.2`, `${six}:2`], new: [`${four}.1`, `${six}:1`] };
  }

  static async make(version: (typeof freezerVersions)[number], listensAt = ''): Promise<MovedPod> {
    const net = Math.floor(Math.random() * 250);
    const name = `kmrelay${net}`;
    const pod = new MovedPod(name, await FreezerPod.make(version, await mkdtemp(join(folder, 'counts-')), ''), net);
    await must(['ip', 'netns', 'add', name]);
    await must(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
    await must(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    for (const [ip, device, addresses] of [
      [['ip'], name, pod.addresses.new],
      [['ip', '-n', name], 'eth0', pod.addresses.old],
    ] as const) {
      for (const address of addresses) {
        const isSix = address.includes(':');
        await must([...ip, 'address', 'add', `${address}/${isSix ? 64 : 24}`, 'dev', device, ...(isSix ? ['nodad'] : [])]);
      }
      await must([...ip, 'link', 'set', device, 'up']);
    }
    const cgroup = pod.#cgroups.folderOf('web');
    mkdirSync(cgroup);
    const script = 'echo $$ > "$1/cgroup.procs" && shift && exec ip netns exec "$@"';
    const web = pod.#start(['sh', '-c', script, 'sh', cgroup, name, join(folder, 'web'), String(port), ...(listensAt ? [listensAt] : [])]);
    await expect.poll(async () => (await run(['ip', 'netns', 'exec', name, 'ss', '-lnt'])).stdout, patient).toContain(`:${port}`);
    pod.#cgroups.order(cgroup, true);
    await expect.poll(() => pod.#cgroups.isFrozen(cgroup), patient).toBe(true);
    mkdirSync(pod.claim);
    pod.write('frozen', `main\tc0ffee\t${web.pid}\t${cgroup}\n`);
    return pod;
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.claim, name), content);
  }

  /** @returns what it says first, and its end */
  async relay(): Promise<{ said: string; child: ChildProcess; ended: Promise<unknown> }> {
    const child = this.#start([join(folder, 'relay'), this.claim, 'sandbox']);
    const ended = once(child, 'exit');
    const [said] = (await once(createInterface(child.stdout ?? process.stdin), 'line')) as [string];
    return { said, child, ended };
  }

  /** Ends the frozen one, and starts the same program at the new addresses. */
  async move(): Promise<void> {
    for (const pid of this.#cgroups.members('web')) process.kill(pid, 'SIGKILL');
    this.#cgroups.order(this.#cgroups.folderOf('web'), false);
    await expect.poll(() => this.#cgroups.members('web'), patient).toEqual([]);
    this.#start([join(folder, 'web'), String(port)]);
    await expect.poll(async () => answer(this.addresses.new[0]).catch(String), patient).toMatch(/^\d+ \d+ 0/);
  }

  /** Whether somebody holds the claim's file `relay`. */
  async isLocked(): Promise<boolean> {
    return (await run(['flock', '--shared', '--nonblock', join(this.claim, 'relay'), 'true'])).code !== 0;
  }

  async remove(): Promise<void> {
    await this.#cgroups.remove(['web']);
    for (const child of this.#children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    await must(['ip', 'netns', 'del', this.#name]);
    await run(['ip', 'link', 'del', this.#name]);
    rmSync(this.claim, { recursive: true });
  }

  #start([program = '', ...args]: readonly string[]): ChildProcess {
    const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }
}

/** What a client with a connection of its own gets. */
async function answer(host = '', ms = 0): Promise<string> {
  return await new Promise((resolve, reject) => {
    const asked = get({ host, port, path: `/?ms=${ms}`, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.once('end', () => resolve(body)).once('error', reject);
    });
    asked.once('error', reject);
  });
}

const bornOf = (body: string): string => body.split(' ')[0] ?? '';

/** A connection that is kept, and has had an answer. */
async function kept(host = ''): Promise<Socket> {
  const socket = connect(port, host);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

describe.each(freezerVersions)('the relay of a pod that stood in freezer version %i', (version) => {
  let pod: MovedPod;
  afterEach(async () => pod.remove());

  describe('that listens at all addresses', () => {
    beforeEach(async () => void (pod = await MovedPod.make(version)));

    test('leads on who came since the freeze, and who comes later, by both families', async () => {
      const early = Promise.all(pod.addresses.old.map(async (host) => answer(host)));
      expect((await pod.relay()).said).toBe('ready 1');
      await pod.move();
      const meanwhile = Promise.all(pod.addresses.old.map(async (host) => answer(host)));
      const born = bornOf(await answer(pod.addresses.new[0]));
      pod.write('relay-to', pod.addresses.new.join(' '));
      const late = Promise.all(pod.addresses.old.map(async (host) => answer(host, 300)));
      const all = [...(await early), ...(await meanwhile), ...(await late)];
      expect(all.map(bornOf)).toEqual(all.map(() => born));
    });

    test('leads on by one family who came by the other, when the pod has but that one now', async () => {
      await pod.relay();
      await pod.move();
      pod.write('relay-to', pod.addresses.new[0] ?? '');
      expect(bornOf(await answer(pod.addresses.old[1]))).toBe(bornOf(await answer(pod.addresses.new[0])));
    });

    test('passes on more than fits into it, both ways at once, whoever reads late', async () => {
      await pod.relay();
      const echo = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket)).listen(port, pod.addresses.new[0]);
      try {
        await once(echo, 'listening');
        pod.write('relay-to', pod.addresses.new[0] ?? '');
        const socket = connect({ port, host: pod.addresses.old[0] ?? '', allowHalfOpen: true });
        const sent = Buffer.alloc(20 * 1024 * 1024, 'relay');
        socket.end(sent);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const got = createHash('sha256');
        for await (const chunk of socket as AsyncIterable<Buffer>) got.update(chunk);
        expect(got.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
      } finally {
        echo.close();
      }
    });

    test('keeps the sandbox until it is told that it is over, and nobody waits for an answer any more', async () => {
      const { ended } = await pod.relay();
      await pod.move();
      pod.write('relay-to', pod.addresses.new.join(' '));
      const idle = await kept(pod.addresses.old[0]);
      const idleEnded = once(idle, 'end');
      expect(await pod.isLocked()).toBe(true);
      pod.write('relay-over', '');
      const late = answer(pod.addresses.old[0], 3_500);
      await idleEnded;
      idle.end();
      expect(await late).toMatch(/ 3500\n$/);
      await ended;
      expect(await pod.isLocked()).toBe(false);
      await expect(answer(pod.addresses.old[0])).rejects.toThrow('ECONNREFUSED');
    });

    test('resets who is asking when it dies, and keeps nothing any more', async () => {
      const { child, ended } = await pod.relay();
      await pod.move();
      pod.write('relay-to', pod.addresses.new.join(' '));
      const asking = expect(answer(pod.addresses.old[0], 60_000)).rejects.toThrow(/ECONNRESET|socket hang up/);
      (await kept(pod.addresses.old[0])).once('error', () => undefined);
      child.kill('SIGKILL');
      await ended;
      await asking;
      expect(await pod.isLocked()).toBe(false);
      await expect(answer(pod.addresses.old[0])).rejects.toThrow('ECONNREFUSED');
    });

    test('resets whom it cannot lead anywhere', async () => {
      await pod.relay();
      await pod.move();
      pod.write('relay-to', '192.0.2.1');
      await expect(answer(pod.addresses.old[0])).rejects.toThrow(/ECONNRESET|socket hang up/);
    });

    test('ends when its claim is taken away', async () => {
      const { ended } = await pod.relay();
      rmSync(pod.claim, { recursive: true });
      await ended;
      mkdirSync(pod.claim);
    });

    test('is there once, whoever else starts one', async () => {
      await pod.relay();
      expect((await pod.relay()).said).toBe('busy');
    });
  });

  test('is not there for a pod that only listens for itself', async () => {
    pod = await MovedPod.make(version, '127.0.0.1');
    const { said, ended } = await pod.relay();
    expect(said).toBe('ready 0');
    await ended;
    expect(await pod.isLocked()).toBe(false);
  });
});
