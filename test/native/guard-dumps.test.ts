import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { guardSources } from '../../native/build.ts';
import { Claim, Counting, Guard, makeBench, startBlocked, type Bench } from './frozen-pod.ts';

let bench: Bench;
const started: Counting[] = [];
const dumping: number[] = [];

beforeAll(async () => {
  bench = await makeBench(guardSources);
}, 60_000);

afterEach(async () => {
  // What a test that failed has left of its dump.
  for (const group of dumping.splice(0)) endGroup(group);
  for (const one of started.splice(0)) await one.remove();
});

afterAll(async () => bench.close());

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function count(): Promise<Counting> {
  const counting = await Counting.start(bench, 1);
  started.push(counting);
  return counting;
}

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
    const command = ['--root', '/run/runc', 'checkpoint', 'ID'];
    const { pid } = spawn(join(bin, 'runc'), command, { cwd: claim.staging, stdio: 'ignore', detached: true });
    if (pid !== undefined) dumping.push(pid);
    const pidIn = (name: string): number => Number(readFileSync(join(claim.staging, name), 'utf8'));
    await vi.waitFor(() => expect(pidIn('criu') * pidIn('runc')).toBeGreaterThan(0));
    return { runc: pidIn('runc'), criu: pidIn('criu'), killed: () => readFileSync(log, 'utf8') };
  }

  test.each([
    ['', ''],
    // For a mount that others lie on CRIU enters the container, where its working folder is another; its log stays open.
    [', wherever it looks just now', 'exec 5> dump.log; cd /'],
  ])('ends by the death of runc alone, and CRIU is waited for%s', async (_, goElsewhere) => {
    const one = await count();
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

  test('is found where it really is, also when the path to it is another one', async () => {
    const one = await count();
    const claim = new Claim(bench);
    claim.freeze(one);
    await one.untilFrozen();
    const { runc, killed } = await dumps(claim, 0.2);
    const link = join(bench.folder, `${claim.pod}-link`);
    symlinkSync(join(claim.staging, '..'), link);
    expect(await new Guard(bench, 'thaw', claim.folder, join(link, 'staging')).ended).toEqual({ code: 0, said: ['thawed'] });
    expect(() => process.kill(runc, 0)).toThrow();
    expect(killed()).toBe('criu ended\n');
  });

  test('that waits for a process which cannot answer before the thaw does not keep the pod', async () => {
    const one = await count();
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

  test('that does not end keeps the pod no longer where all deadlines are longer', async () => {
    const one = await count();
    const claim = new Claim(bench);
    claim.freeze(one);
    await one.untilFrozen();
    const { killed } = await dumps(claim, 20);
    const factor = join(bench.folder, 'node/factor');
    mkdirSync(dirname(factor), { recursive: true });
    writeFileSync(factor, '100');
    const before = one.steps();
    const guard = new Guard(bench, 'thaw', claim.folder, claim.staging);
    await vi.waitFor(() => expect(one.steps()).not.toEqual(before), { timeout: 40_000 }).finally(() => rmSync(factor));
    expect(killed, 'CRIU has ended').toThrow('ENOENT');
    for (const group of dumping.splice(0)) endGroup(group);
    expect(await guard.ended).toEqual({ code: 0, said: ['thawed'] });
    await one.requireRunning();
  });

  test('that has ended in between, and given the freezer back as it found it, is made up for', async () => {
    const [one, blocked] = [await count(), await startBlocked(bench)];
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
    const one = await count();
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
    const one = await count();
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
