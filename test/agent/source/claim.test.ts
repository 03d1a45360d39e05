import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../../build/run.ts';
import { buildNative } from '../../../native/build.ts';
import { Claim } from '../../../src/agent/source/claim.ts';
import { claimFinding } from '../../../src/agent/source/left-claim.ts';
import { Guard, type Bench } from '../../native/frozen-pod.ts';

let run = '';
let pods = '';

beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'claim-'));
  pods = join(run, 'kubectl-migrate', 'pods');
});

afterEach(async () => rm(run, { recursive: true, force: true }));

const nothingToRelease = async (): Promise<void> => {
  throw new Error('nothing was left by anybody');
};

async function take(
  migration: string,
  release = nothingToRelease as (dead: Claim) => Promise<void>,
): Promise<{ mine: Claim } | { held: Claim }> {
  return await Claim.take(pods, 'uid-1', { migration, to: 'milan' }, release, '/proc');
}

async function mustTake(migration: string, release?: (dead: Claim) => Promise<void>): Promise<Claim> {
  const taken = await take(migration, release);
  if (!('mine' in taken)) throw new Error(`${taken.held.holder.migration} holds it`);
  return taken.mine;
}

/** Another agent, in a process of its own. @returns what it was told, and ends it if it is not to stay */
async function otherAgent(migration: string, isToStay = false): Promise<{ answer: string; end: () => Promise<void> }> {
  const program = `
    const { Claim } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/agent/source/claim.ts'))});
    const taken = await Claim.take(${JSON.stringify(pods)}, 'uid-1', { migration: '${migration}', to: 'rome' }, async () => undefined, '/proc');
    console.log('mine' in taken ? 'mine' : 'held by ' + taken.held.holder.migration);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await once(child, 'close');
  };
  if (!isToStay) await end();
  return { answer: line.toString().trim(), end };
}

test('a pod is moved by one migration at a time, and the second learns by which', async () => {
  const claim = await mustTake('first');
  const second = await take('second');
  expect('held' in second && second.held.holder).toMatchObject({ migration: 'first', to: 'milan', since: claim.holder.since });
  claim.remove();
  expect(existsSync(join(run, 'kubectl-migrate'))).toBe(false);
  await mustTake('second');
});

test('nobody else on the node can look at it', async () => {
  const claim = await mustTake('first');
  expect(statSync(claim.folder).mode & 0o777).toBe(0o700);
  expect(statSync(pods).mode & 0o777).toBe(0o700);
});

test('of many agents that ask at once one gets it', async () => {
  const agents = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (name) => otherAgent(name, true)));
  const winners = agents.filter(({ answer }) => answer === 'mine');
  expect(winners).toHaveLength(1);
  const holder = Claim.of(pods, 'uid-1')?.holder.migration;
  for (const { answer } of agents) expect(['mine', `held by ${holder}`]).toContain(answer);
  await Promise.all(agents.map(async ({ end }) => end()));
});

test('the claim of a dead agent goes to one of many, when its pod runs again', async () => {
  await otherAgent('dead');
  const left = Claim.of(pods, 'uid-1');
  const released: string[] = [];
  const all = await Promise.all(
    ['a', 'b', 'c'].map(async (name) =>
      take(name, async (dead) => {
        released.push(dead.folder);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }),
    ),
  );
  expect(new Set(released)).toEqual(new Set([left?.folder]));
  expect(all.filter((one) => 'mine' in one)).toHaveLength(1);
  expect(readdirSync(join(pods, 'uid-1'))).toEqual([String(Number(basename(left?.folder ?? '')) + 1)]);
});

test('an agent that wakes up when its claim was given away and given back writes nothing into another one', async () => {
  const slept = await mustTake('first');
  writeFileSync(join(slept.folder, 'claim'), JSON.stringify({ ...slept.holder, startTime: 1 }));
  (await mustTake('second', async () => undefined)).remove();
  const third = await mustTake('third');
  expect(() => slept.commit()).toThrow('ENOENT');
  expect(third.decision).toBeUndefined();
});

test('what a dead agent was just taking away is in nobody’s way', async () => {
  const claim = await mustTake('first');
  rmSync(join(claim.folder, 'claim'));
  await mustTake('second');
  expect(readdirSync(join(pods, 'uid-1'))).toHaveLength(1);
});

test('a pod that cannot be released keeps its claim', async () => {
  await otherAgent('dead');
  await expect(take('next', async () => Promise.reject(new Error('still frozen')))).rejects.toThrow('still frozen');
  expect(Claim.of(pods, 'uid-1')?.holder.migration).toBe('dead');
});

test('what a dead agent has committed is never taken', async () => {
  await otherAgent('dead');
  Claim.of(pods, 'uid-1')?.commit();
  const taken = await take('next');
  expect('held' in taken && [taken.held.holder.migration, taken.held.decision]).toEqual(['dead', 'committed']);
});

test('a process that has the number of a dead agent is not that agent', async () => {
  const claim = await mustTake('first');
  writeFileSync(join(claim.folder, 'claim'), JSON.stringify({ ...claim.holder, startTime: claim.holder.startTime - 1 }));
  let isReleased = false;
  await mustTake('second', async () => void (isReleased = true));
  expect(isReleased).toBe(true);
});

test('another agent of the same migration goes on with what the first one knew', async () => {
  const first = await otherAgent('one');
  expect(first.answer).toBe('mine');
  Claim.of(pods, 'uid-1')?.write('record', '{"pod":1}');
  const claim = await mustTake('one');
  expect(claim.read('record')).toBe('{"pod":1}');
  expect(Claim.of(pods, 'uid-1')?.holder.pid).toBe(process.pid);
});

test('a decision is made once, and revoked only by the target’s own word', async () => {
  const claim = await mustTake('first');
  expect(claim.decision).toBeUndefined();
  expect(claim.commit()).toBe('committed');
  expect(claim.commit()).toBe('committed');
  claim.revoke();
  expect(claim.decision).toBe('aborted');
  expect(claim.commit()).toBe('aborted');
  expect(JSON.parse(readFileSync(join(claim.folder, 'decision'), 'utf8'))).toMatchObject({ migration: 'first', pod: 'uid-1' });
  expect(readdirSync(claim.folder).sort()).toEqual(['claim', 'decision']);
});

test('a decision that cannot be read counts as committed', async () => {
  const claim = await mustTake('first');
  writeFileSync(join(claim.folder, 'decision'), '');
  expect(claim.decision).toBe('committed');
  expect(claim.commit()).toBe('committed');
});

test('a commit for which there is no room decides nothing, and the source guard’s abort counts afterwards', async () => {
  await must(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'none', run]);
  try {
    const claim = await mustTake('first');
    const guard = new Guard({ guard: (await buildNative()).guard } as Bench, 'watch', claim.folder, run, '60000');
    await guard.says('ready');
    const filling = join(run, 'filling');
    // A file can still be made: only what is written into it finds no room.
    await must(['sh', '-c', 'cat /dev/zero > "$0" 2> /dev/null || test -s "$0"', filling]);
    expect(() => claim.commit()).toThrow('ENOSPC');
    expect(existsSync(join(claim.folder, 'decision'))).toBe(false);
    guard.hangUp();
    expect(await guard.ended).toMatchObject({ code: 0, said: ['ready', 'thawed'] });
    expect(claim.decision).toBe('aborted');
    rmSync(filling);
    expect(claim.commit()).toBe('aborted');
  } finally {
    await must(['umount', '--lazy', run]); // a guard that was left by a failure is still in it
  }
});

test('of a committed claim nobody is told that the pod runs at the peer before that was heard', async () => {
  const claim = await mustTake('first');
  claim.commit();
  expect(claimFinding(claim, 'web-0').remedy).toContain('it may run at the peer');
  claim.write('running', '');
  expect(claimFinding(claim, 'web-0').remedy).toContain('it was let run at the peer');
});

test('a pod’s UID never leads anywhere else', async () => {
  await expect(Claim.take(pods, '../x', { migration: 'a', to: 'b' }, nothingToRelease, '/proc')).rejects.toThrow('plain name');
});
