import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildNative } from '../../native/build.ts';
import { criuConfig, sharedFlags } from '../../src/agent/criu/options.ts';
import type { RunResult } from '../../build/run.ts';
import { remove, rootfs, startMounted } from '../criu/container.ts';
import { startMachine, work, type Machine } from '../criu/machine.ts';

const claim = `${work}/pods/uid/1`;
const staging = `${work}/staging`;
const program = `${work}/guard`;

let machine: Machine;
let id = '';
let cgroup = '';

beforeAll(async () => {
  machine = await startMachine();
  await copyFile((await buildNative()).guard, machine.path(program));
}, 600_000);

/** Mounts that others lie on, as /dev is in a kubelet's containers; many, so that CRIU is busy with them for long. */
const covered = Array.from({ length: 30 }, (_, index) => `/tmpfs${index}`);

beforeEach(async () => {
  await startMounted(
    machine,
    covered.flatMap((mount) => [mount, `${mount}/below`]),
    'stepper',
    '/steps',
    '3',
    '3',
  );
  id = (await must('runc', 'list', '-q')).trim();
  const pid = /"init_process_pid":(\d+)/.exec(await must('cat', `/run/runc/${id}/state.json`))?.[1] ?? '';
  cgroup = `/sys/fs/cgroup/freezer${/:freezer:(.*)/.exec(await must('cat', `/proc/${pid}/cgroup`))?.[1]}`;
  await untilAllRun();
  for (const folder of [claim, `${staging}/images`, `${staging}/work`]) mkdirSync(machine.path(folder), { recursive: true });
  writeFileSync(machine.path(`${claim}/frozen`), `main\t${id}\t${pid}\t${cgroup}\n`);
  writeFileSync(machine.path(`${staging}/criu.conf`), criuConfig());
});

afterEach(async () => {
  writeFileSync(`${cgroup}/freezer.state`, 'THAWED');
  await remove(machine);
  for (const folder of [claim, staging]) rmSync(machine.path(folder), { recursive: true, force: true });
});

afterAll(async () => machine?.close());

async function must(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.run(command);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** As the agent does it: in the migration's folder. */
async function dump(): Promise<RunResult> {
  const flags = ['--image-path', `${staging}/images`, '--work-path', `${staging}/work`, '--leave-running', ...sharedFlags('ignore')];
  const inside = ['sh', '-c', `cd ${staging} && : > begun && exec runc checkpoint "$@"`, 'runc', ...flags, id];
  return await machine.run(inside, { CRIU_CONFIG_FILE: `${staging}/criu.conf` });
}

async function freeze(): Promise<void> {
  await expect
    .poll(() => {
      writeFileSync(`${cgroup}/freezer.state`, 'FROZEN');
      return readFileSync(`${cgroup}/freezer.state`, 'utf8').trim();
    })
    .toBe('FROZEN');
}

/** The first of each thread's two words counts; the second is what was wrong with its registers. */
function words(word: 0 | 1): bigint[] {
  const bytes = readFileSync(machine.path(join(rootfs, 'steps')));
  return Array.from({ length: bytes.length / 16 }, (_, slot) => bytes.readBigUInt64LE(slot * 16 + word * 8));
}

async function untilAllRun(): Promise<void> {
  await expect.poll(() => words(0).length, { timeout: 10_000 }).toBe(9);
  const before = words(0);
  await expect.poll(() => words(0).every((count, slot) => count > (before[slot] ?? 0n)), { timeout: 10_000 }).toBe(true);
  expect(words(1).every((wrong) => wrong === 0n)).toBe(true);
}

test.each(Array.from({ length: 12 }, (_, round) => round * 12))(
  'a genuine dump that is ended %i ms after its start leaves the program as it was, and it can be dumped again',
  async (ms) => {
    await freeze();
    const dumping = dump();
    while (!existsSync(machine.path(`${staging}/begun`))) await delay(1);
    await delay(ms);
    const { code, stdout } = await machine.run([program, 'thaw', claim, staging]);
    expect([code, stdout]).toEqual([0, 'thawed\n']);
    expect(await must('sh', '-c', 'pgrep -x criu || true')).toBe('');
    await dumping;
    await untilAllRun();
    expect(await must('sh', '-c', `grep -h SigBlk $(sed 's#.*#/proc/&/task/*/status#' ${cgroup}/cgroup.procs)`)).not.toMatch(
      /SigBlk:\t0*[1-9a-f]/,
    );
    rmSync(machine.path(`${claim}/decision`));
    await freeze();
    expect((await dump()).code).toBe(0);
  },
  60_000,
);

test('a genuine dump that is ended while CRIU works in the container does not freeze it again at its end', async () => {
  let hits = 0;
  // On a busy machine the moment passes unseen now and then.
  for (let round = 0; round < 15 && hits < 5; round++) {
    await freeze();
    let isOver = false;
    const dumping = dump().finally(() => (isOver = true));
    const isElsewhere = (pid: number): boolean => readlinkSync(machine.path(`/proc/${pid}/cwd`)) === '/';
    const isInside = (): boolean => machine.processes().some(({ name, pid }) => name === 'criu' && isElsewhere(pid));
    await expect.poll(() => isOver || isInside(), { interval: 0, timeout: 30_000 }).toBe(true);
    if (!isOver) hits++;
    const { code, stdout } = await machine.run([program, 'thaw', claim, staging]);
    expect([code, stdout]).toEqual([0, 'thawed\n']);
    expect(await must('sh', '-c', 'pgrep -x criu || true')).toBe('');
    await dumping;
    await untilAllRun();
    rmSync(machine.path(`${claim}/decision`));
  }
  expect(hits).toBeGreaterThan(0);
}, 120_000);

test('CRIU that waits for a stopped process in the freezer is let go by the thaw', async () => {
  const [, stopped] = readFileSync(`${cgroup}/cgroup.procs`, 'utf8').split('\n');
  process.kill(Number(stopped), 'SIGSTOP');
  await expect.poll(() => readFileSync(`/proc/${stopped}/status`, 'utf8')).toMatch(/^State:\tT/m);
  await freeze();
  const dumping = dump();
  await delay(1500);
  expect(await must('pgrep', '-x', 'criu')).not.toBe('');
  const { code, stdout } = await machine.run([program, 'thaw', claim, staging]);
  expect([code, stdout]).toEqual([0, 'thawed\n']);
  expect((await dumping).code).not.toBe(0);
  process.kill(Number(stopped), 'SIGCONT');
  await untilAllRun();
}, 60_000);
