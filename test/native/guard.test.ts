import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { must } from '../../build/run.ts';
import { guardSources } from '../../native/build.ts';
import { Claim, Counting, Guard, makeBench, type Bench, type Version } from './frozen-pod.ts';

let bench: Bench;
const started: Counting[] = [];

beforeAll(async () => {
  bench = await makeBench(guardSources);
}, 60_000);

afterEach(async () => {
  for (const one of started.splice(0)) await one.remove();
});

afterAll(async () => bench.close());

async function count(version: Version, processes?: number, threads?: number): Promise<Counting> {
  const counting = await Counting.start(bench, version, processes, threads);
  started.push(counting);
  return counting;
}

async function watch(claim: Claim, budgetMs = 60_000): Promise<Guard> {
  const guard = new Guard(bench, 'watch', claim.folder, claim.staging, `${budgetMs}`);
  await guard.says('ready');
  return guard;
}

const committed = '{"decision":"committed"}\n';

describe.each([1, 2] as const)('with cgroups of version %i', (version) => {
  test('when its agent is gone the pod runs again, and nobody can commit any more', async () => {
    const [one, other] = [await count(version), await count(version)];
    const claim = new Claim(bench);
    const guard = await watch(claim);
    guard.hear('frozen');
    claim.freeze(one, other);
    await Promise.all([one.untilFrozen(), other.untilFrozen()]);
    guard.hangUp();
    expect(await guard.ended).toEqual({ code: 0, said: ['ready', 'thawed'] });
    await one.requireRunning();
    await other.requireRunning();
    expect(JSON.parse(readFileSync(join(claim.folder, 'decision'), 'utf8'))).toMatchObject({
      decision: 'aborted',
      pod: claim.pod,
      migration: 'staging',
    });
    expect(claim.files()).toEqual(['decision', 'frozen']);
  });

  test('a pod stands still for its budget, and no longer', async () => {
    const one = await count(version);
    const claim = new Claim(bench);
    const guard = await watch(claim, 700);
    await delay(800); // what passes before the freeze does not count
    guard.hear('frozen');
    const frozenAt = performance.now();
    claim.freeze(one);
    await one.untilFrozen();
    const before = one.steps();
    await delay(400);
    expect(one.steps()).toEqual(before);
    expect(await guard.ended).toMatchObject({ code: 0, said: ['ready', 'thawed'] });
    expect(performance.now() - frozenAt).toBeGreaterThan(650);
    expect(performance.now() - frozenAt).toBeLessThan(1500);
    await one.requireRunning();
    expect(await claim.decision()).toBe('aborted');
  });

  test('what was committed stays frozen, whoever is gone and however long', async () => {
    const one = await count(version);
    const claim = new Claim(bench);
    const guard = await watch(claim, 300);
    guard.hear('frozen');
    claim.freeze(one);
    await one.untilFrozen();
    claim.write('decision', committed);
    const before = one.steps();
    guard.hangUp();
    expect(await guard.ended).toEqual({ code: 3, said: ['ready', 'committed'] });
    const late = new Guard(bench, 'thaw', claim.folder, claim.staging);
    expect(await late.ended).toEqual({ code: 3, said: ['committed'] });
    expect(one.steps()).toEqual(before);
  });

  test('a container that is gone is no reason to leave its siblings frozen', async () => {
    const [one, gone, other] = [await count(version), await count(version), await count(version)];
    const claim = new Claim(bench);
    claim.freeze(one, gone, other);
    await Promise.all([one.untilFrozen(), other.untilFrozen()]);
    await gone.remove();
    const guard = new Guard(bench, 'thaw', claim.folder, claim.staging);
    expect(await guard.ended).toEqual({ code: 0, said: ['thawed'] });
    await one.requireRunning();
    await other.requireRunning();
  });

  test('killed, not one of its processes comes to another instruction', async () => {
    const [one, other] = [await count(version, 4, 3), await count(version)];
    const [, stopped = 0, traced = 0, parent = 0] = one.pids;
    const below = join(one.cgroup, 'below');
    mkdirSync(below);
    writeFileSync(join(below, 'cgroup.procs'), String(parent));
    process.kill(stopped, 'SIGSTOP');
    const tracer = spawn(bench.tracer, [String(traced)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(tracer.stdout, 'data');
    // A zombie: its parent does not ask for it.
    process.kill(other.pids[2] ?? 0, 'SIGKILL');
    const claim = new Claim(bench);
    claim.freeze(one, other);
    await Promise.all([one.untilFrozen(), other.untilFrozen()]);
    claim.write('decision', committed);
    const before = [one.steps(), other.steps()];
    const guard = new Guard(bench, 'kill', claim.folder);
    expect(await guard.ended).toEqual({ code: 0, said: ['killed'] });
    expect([one.pids, other.pids]).toEqual([[], []]);
    expect([one.steps(), other.steps()]).toEqual(before);
    tracer.kill('SIGKILL');
  });

  test('nobody is killed before the commit', async () => {
    const one = await count(version);
    const claim = new Claim(bench);
    claim.freeze(one);
    expect(await new Guard(bench, 'kill', claim.folder).ended).toMatchObject({ code: 1 });
    claim.write('decision', '{"decision":"aborted"}\n');
    expect(await new Guard(bench, 'kill', claim.folder).ended).toMatchObject({ code: 1 });
    one.thaw();
    await one.requireRunning();
  });

  test('an instant at which the pod cannot be dumped is let go, and the budget begins anew', async () => {
    const one = await count(version);
    const claim = new Claim(bench);
    const guard = await watch(claim, 600);
    guard.hear('frozen');
    claim.freeze(one);
    await one.untilFrozen();
    guard.hear('again');
    await guard.says('again');
    await one.requireRunning();
    expect(await claim.decision()).toBeUndefined();
    await delay(700);
    guard.hear('frozen');
    one.freeze();
    await one.untilFrozen();
    claim.write('decision', committed);
    guard.hear('committed');
    expect(await guard.ended).toEqual({ code: 0, said: ['ready', 'again', 'committed'] });
  });
});

test('SIGKILL to the first process and a thaw, as runc does it, would let the others go on', async () => {
  const one = await count(1);
  one.freeze();
  await one.untilFrozen();
  const before = one.steps();
  process.kill(one.pids[0] ?? 0, 'SIGKILL');
  one.thaw();
  await vi.waitFor(() => expect(one.steps()).not.toEqual(before));
});

test('of two who decide at once one wins, and both know which', async () => {
  const won = new Set<string | undefined>();
  for (let round = 0; round < 30; round++) {
    const claim = new Claim(bench);
    const guard = await watch(claim);
    // As the agent does it: a file that is whole, linked to the name.
    claim.write('draft', committed);
    await delay(round % 6);
    if (round % 2 === 0) guard.hangUp();
    else guard.hear('abort');
    await delay(Math.random() * 3);
    let isMine = true;
    try {
      linkSync(join(claim.folder, 'draft'), join(claim.folder, 'decision'));
    } catch {
      isMine = false;
    }
    const { code } = await guard.ended;
    expect(await claim.decision()).toBe(isMine ? 'committed' : 'aborted');
    expect(code).toBe(isMine ? 3 : 0);
    won.add(await claim.decision());
  }
  expect(won.size).toBe(2);
});

test.each(['hangUp', 'abort'] as const)('the fence falls with an agent that is gone; else that is the agent’s (%s)', async (how) => {
  const one = await count(1);
  const claim = new Claim(bench);
  mkdirSync(join(bench.folder, 'node/await'), { recursive: true });
  const fence = join(bench.folder, `node/await/fence.${claim.pod}`);
  writeFileSync(fence, 'it is being moved\n');
  const guard = await watch(claim);
  claim.freeze(one);
  if (how === 'hangUp') guard.hangUp();
  else guard.hear('abort');
  expect(await guard.ended).toMatchObject({ code: 0 });
  expect(existsSync(fence)).toBe(how === 'abort');
});

test('a guard of a claim that was replaced thaws nothing of the new one', async () => {
  const one = await count(1);
  const old = new Claim(bench);
  const guard = await watch(old);
  renameSync(old.folder, `${old.folder}.old`);
  mkdirSync(old.folder);
  old.freeze(one);
  await one.untilFrozen();
  const before = one.steps();
  guard.hangUp();
  await guard.ended;
  expect(await old.decision()).toBeUndefined();
  expect(one.steps()).toEqual(before);
});

describe('a dump under way', () => {
  /** Programs under the names of those that make a dump: what is to be seen is who gets a signal, and who is waited for. */
  async function dumps(claim: Claim, criuSeconds: number, goElsewhere = ''): Promise<{ runc: number; criu: number; killed: () => string }> {
    const bin = join(claim.staging, 'bin');
    const work = join(claim.staging, 'source-main', 'work');
    mkdirSync(bin);
    mkdirSync(work, { recursive: true });
    const log = join(claim.staging, 'log');
    writeFileSync(
      join(bin, 'criu'),
      `#!/bin/sh\ncd ${work}\ntrap 'echo criu TERM >> ${log}' TERM\n${goElsewhere}\necho $$ > ${claim.staging}/criu\ntail --pid=$2 -f /dev/null\nsleep ${criuSeconds}\necho criu ended >> ${log}\n`,
    );
    writeFileSync(
      join(bin, 'runc'),
      `#!/bin/sh\n${bin}/criu swrk $$ &\necho $$ > ${claim.staging}/runc\nwait\necho runc ended >> ${log}\n`,
    );
    for (const name of ['criu', 'runc']) chmodSync(join(bin, name), 0o755);
    spawn(join(bin, 'runc'), ['--root', '/run/runc', 'checkpoint', 'ID'], { cwd: claim.staging, stdio: 'ignore', detached: true });
    const pidIn = (name: string): number => Number(readFileSync(join(claim.staging, name), 'utf8'));
    await vi.waitFor(() => expect(pidIn('criu') * pidIn('runc')).toBeGreaterThan(0));
    return { runc: pidIn('runc'), criu: pidIn('criu'), killed: () => readFileSync(log, 'utf8') };
  }

  test.each([
    ['', ''],
    // For a mount that others lie on CRIU enters the container, where its working folder is another; its log stays open.
    [', wherever it looks just now', 'exec 5> dump.log; cd /'],
  ])('ends by the death of runc alone, and CRIU is waited for%s', async (_, goElsewhere) => {
    const one = await count(1);
    const claim = new Claim(bench);
    claim.freeze(one);
    await one.untilFrozen();
    const { runc, killed } = await dumps(claim, 0.7, goElsewhere);
    const before = one.steps();
    const guard = new Guard(bench, 'thaw', claim.folder, claim.staging);
    await vi.waitFor(() => expect(() => process.kill(runc, 0)).toThrow(), { timeout: 5000 });
    await delay(300);
    expect(one.steps()).toEqual(before);
    expect(await guard.ended).toEqual({ code: 0, said: ['thawed'] });
    expect(killed()).toBe('criu ended\n');
    await one.requireRunning();
  });

  test('that waits for a process which cannot answer before the thaw does not keep the pod', async () => {
    const one = await count(1);
    const claim = new Claim(bench);
    claim.freeze(one);
    await one.untilFrozen();
    const { killed } = await dumps(claim, 4);
    const begin = performance.now();
    const guard = new Guard(bench, 'thaw', claim.folder, claim.staging);
    const before = one.steps();
    await vi.waitFor(() => expect(one.steps()).not.toEqual(before), { timeout: 3500 });
    expect(performance.now() - begin).toBeGreaterThan(1500);
    expect(await guard.ended).toEqual({ code: 0, said: ['thawed'] });
    expect(killed()).toBe('criu ended\n');
  });

  test('that has ended in between, and given the freezer back as it found it, is made up for', async () => {
    const [one, blocked] = [await count(1), await startBlocked()];
    const claim = new Claim(bench);
    claim.freeze(one);
    await one.untilFrozen();
    // For this one's sake the guard looks a second time only after a while.
    claim.write('signals', `${blocked.pid} ${blocked.pid} 0000000000000200 0 0\n`);
    const guard = new Guard(bench, 'thaw', claim.folder, claim.staging);
    while (readFileSync(join(one.cgroup, 'freezer.state'), 'utf8') !== 'THAWED\n');
    await delay(5);
    one.freeze();
    expect(await guard.ended).toEqual({ code: 0, said: ['thawed'] });
    await one.requireRunning();
    blocked.kill('SIGKILL');
  });

  test('is none of those who only work in its folder', async () => {
    const one = await count(1);
    const claim = new Claim(bench);
    claim.freeze(one);
    const person = spawn('sleep', ['60'], { cwd: claim.staging, stdio: 'ignore' });
    const begin = performance.now();
    expect(await new Guard(bench, 'thaw', claim.folder, claim.staging).ended).toEqual({ code: 0, said: ['thawed'] });
    expect(performance.now() - begin).toBeLessThan(1500);
    person.kill('SIGKILL');
    await once(person, 'close');
  });

  test('is not told by a name, a command line or a path that anybody may have', async () => {
    const one = await count(1);
    const claim = new Claim(bench);
    claim.freeze(one);
    const elsewhere = join(bench.folder, 'elsewhere');
    const there = join(elsewhere, claim.staging);
    mkdirSync(there, { recursive: true });
    // As in a container: its root file system has a folder of that very path.
    const liar = spawn(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mount --bind ${there} ${claim.staging} && cd ${claim.staging} && echo in && exec sleep 60`,
        'checkpoint',
        claim.staging,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(liar.stdout, 'data');
    expect(await new Guard(bench, 'thaw', claim.folder, claim.staging).ended).toEqual({ code: 0, said: ['thawed'] });
    expect(liar.exitCode).toBeNull();
    expect(liar.signalCode).toBeNull();
    liar.kill('SIGKILL');
    await once(liar, 'close');
  });
});

/** A program as a killed CRIU can leave it. */
async function startBlocked(): Promise<ChildProcess> {
  const program = join(bench.folder, 'blocked');
  if (!existsSync(program)) await must(['gcc', '-O1', '-std=c11', '-D_GNU_SOURCE', '-o', program, join(import.meta.dirname, 'blocked.c')]);
  const child = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a thread that a killed CRIU left with all signals blocked gets its own mask back', async () => {
  const [one, child] = [await count(1), await startBlocked()];
  const pid = child.pid ?? 0;
  const claim = new Claim(bench);
  claim.freeze(one);
  claim.write(
    'signals',
    `${pid} ${pid} 0000000000000200 0000000000000000 0000000000000000\n${one.pids[0]} ${one.pids[0]} 0000000000004000 0 0\n`,
  );
  const maskOf = (): string => /^SigBlk:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  expect(maskOf()).toBe('fffffffffffbfeff');
  expect(await new Guard(bench, 'thaw', claim.folder, claim.staging).ended).toEqual({ code: 0, said: ['thawed'] });
  expect(maskOf()).toBe('0000000000000200');
  // Another mask than that of CRIU is the program's own.
  expect(readFileSync(`/proc/${one.pids[0]}/status`, 'utf8')).toMatch(/^SigBlk:\t0000000000000000$/m);
  child.kill('SIGTERM'); // it arrives
  await once(child, 'close');
});

test('a file system that is full is no reason to stay frozen', async () => {
  const one = await count(1);
  const full = join(bench.folder, 'full');
  mkdirSync(full);
  await must(['mount', '-t', 'tmpfs', '-o', 'size=64k,nr_inodes=8', 'none', full]);
  try {
    const claim = new Claim({ ...bench, folder: full });
    claim.freeze(one);
    const guard = await watch(claim);
    for (let file = 0; ; file++) {
      try {
        writeFileSync(join(full, `fill${file}`), Buffer.alloc(8192));
      } catch {
        break;
      }
    }
    expect(readdirSync(full).length).toBeGreaterThan(1);
    guard.hangUp();
    expect(await guard.ended).toEqual({ code: 0, said: ['ready', 'thawed'] });
    expect(await claim.decision()).toBe('aborted');
  } finally {
    await must(['umount', full]);
  }
});
