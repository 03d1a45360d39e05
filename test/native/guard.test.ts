import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { must } from '../../build/run.ts';
import { guardSources } from '../../native/build.ts';
import { sourceFact } from '../../src/agent/source/fact.ts';
import { settle } from '../../src/protocol/settle.ts';
import { Claim, Counting, Guard, makeBench, startBlocked, type Bench, type Version } from './frozen-pod.ts';

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

/** One that stands still, and its guard knows. */
async function watchFrozen(version: Version, budgetMs: number): Promise<{ one: Counting; claim: Claim; guard: Guard }> {
  const one = await count(version);
  const claim = new Claim(bench);
  const guard = await watch(claim, budgetMs);
  guard.hear('frozen');
  claim.freeze(one);
  await one.untilFrozen();
  return { one, claim, guard };
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
    const { one, claim, guard } = await watchFrozen(version, 300);
    claim.write('decision', committed);
    const before = one.steps();
    guard.hangUp();
    expect(await guard.ended).toEqual({ code: 3, said: ['ready', 'committed'] });
    const late = new Guard(bench, 'thaw', claim.folder, claim.staging);
    expect(await late.ended).toEqual({ code: 3, said: ['committed'] });
    expect(one.steps()).toEqual(before);
  });

  test.each([undefined, 'aborted', 'committed'] as const)('who hears nobody of a target does what the table says: %s', async (decision) => {
    const one = await count(version);
    const claim = new Claim(bench);
    claim.freeze(one);
    await one.untilFrozen();
    if (decision !== undefined) claim.write('decision', `{"decision":"${decision}"}\n`);
    const before = one.steps();
    await new Guard(bench, 'thaw', claim.folder, claim.staging).ended;
    const fact = sourceFact(decision, ['frozen'], false, () => false);
    if (settle(fact, 'silent') === 'roll back') await one.requireRunning();
    else expect(one.steps()).toEqual(before);
  });

  test('what a decision that cannot be read was made about stays frozen', async () => {
    const { one, claim, guard } = await watchFrozen(version, 300);
    claim.write('decision', '');
    const before = one.steps();
    expect(await guard.ended).toEqual({ code: 3, said: ['ready', 'committed'] });
    expect(await new Guard(bench, 'thaw', claim.folder, claim.staging).ended).toEqual({ code: 3, said: ['committed'] });
    expect(one.steps()).toEqual(before);
  });

  // Version 2 tells of a cgroup what is asked of itself, and not what is of those above.
  test.runIf(version === 1)('a slow node has more time to let go, as its agent has told', async () => {
    const one = await count(version);
    const claim = new Claim(bench);
    const below = join(one.cgroup, 'below');
    mkdirSync(below);
    for (const pid of one.pids) writeFileSync(join(below, 'cgroup.procs'), String(pid));
    one.freeze();
    claim.write('frozen', `c\tid\t1\t${below}\n`);
    mkdirSync(join(bench.folder, 'node'), { recursive: true });
    writeFileSync(join(bench.folder, 'node/factor'), '100');
    const guard = new Guard(bench, 'thaw', claim.folder, claim.staging);
    await delay(3_000); // longer than it waits by itself
    one.thaw();
    expect(await guard.ended).toEqual({ code: 0, said: ['thawed'] });
    rmSync(join(bench.folder, 'node/factor'));
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
    const { one, claim, guard } = await watchFrozen(version, 600);
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
    // From a commit that hardly loses to one that cannot win.
    const headStartMs = round < 8 ? 0 : round < 29 ? Math.random() * 3 : 1000;
    if (headStartMs > 0) await delay(headStartMs);
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

test.each(['hangUp', 'budget', 'abort'] as const)(
  'the fence falls when no agent asked for the end; else that is the agent’s (%s)',
  async (how) => {
    const one = await count(1);
    const claim = new Claim(bench);
    mkdirSync(join(bench.folder, 'node/await'), { recursive: true });
    const fence = join(bench.folder, `node/await/fence.${claim.pod}`);
    writeFileSync(fence, 'it is being moved\n');
    const guard = await watch(claim, how === 'budget' ? 50 : undefined);
    guard.hear('frozen');
    claim.freeze(one);
    if (how === 'hangUp') guard.hangUp();
    if (how === 'abort') guard.hear('abort');
    expect(await guard.ended).toMatchObject({ code: 0 });
    expect(existsSync(fence)).toBe(how === 'abort');
  },
);

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

test('a thread that a killed CRIU left with all signals blocked gets its own mask back', async () => {
  const [one, child] = [await count(1), await startBlocked(bench)];
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
