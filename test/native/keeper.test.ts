import { existsSync, linkSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { must } from '../../build/run.ts';
import { compileSpin, FreezerPod, hasFreezer } from './freezer-pod.ts';
import { bootMs, WrapperNode } from './wrapper-node.ts';

/**
 * In the place of runc and its CRIU: it goes into the container's cgroup, makes processes there and calls the hook, which
 * is the real one. Trials change what it does.
 */
const restorer = `#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case " $* " in *" restore "*) ;; *) exit 0 ;; esac
exec >/dev/null 2>&1
trial=
[ ! -e "$TRIAL" ] || . "$TRIAL"
echo $$ > "$BOX/cgroup.procs"
setsid "$SPIN" "$COUNTS" &
init=$!
[ "$trial" != hang ] || exec sleep 1000
if [ "$trial" = mounts ]; then
  mkdir -p "$ROOT/c0ffee/criu-root" "$KUBECTL_MIGRATE_WORK/.criu.cgyard.Ab3dEf"
  for folder in "$ROOT/c0ffee/criu-root" "$KUBECTL_MIGRATE_WORK/.criu.cgyard.Ab3dEf"; do mount -t tmpfs none "$folder"; done
  exit 5
fi
for action in setup-namespaces post-setup-namespaces post-restore pre-resume; do
  CRTOOLS_SCRIPT_ACTION=$action CRTOOLS_INIT_PID=$init $HOOK || exit 7
done
[ "$trial" != fail-late ] || exit 3
exit 0
`;

const ids = ['c0ffee', 'decaf'];
let node: WrapperNode;
let pod: FreezerPod;
let held = '';
let lines: string[] = [];
let onHook: (action: string, socket: Socket) => void;

beforeAll(async () => {
  node = await WrapperNode.make();
  await compileSpin(join(node.folder, 'spin'));
}, 60_000);

beforeEach(async () => {
  await node.reset();
  await node.setRuntime(restorer);
  pod = await FreezerPod.make(hasFreezer(1) ? 1 : 2, node.folder, join(node.folder, 'spin'));
  held = await node.hold('m1');
  onHook = (_action, socket) => socket.write('ok\n');
  lines = await node.awaitPod((line, socket) => {
    const [verb, subject = ''] = line.split('\t');
    if (verb === 'hook') onHook(subject, socket);
    if (verb !== 'create') return;
    const variables = Object.entries(variablesOf(subject)).map(([name, value]) => `${name}=${value}`);
    socket.write(
      `restore\t${variables.length}\t${variables.join('\t')}\trunc\t--root\t${node.folder}/root\trestore\t--detach\t${subject}\n`,
    );
    setTimeout(() => socket.write('created\n'), 50);
  });
});

afterEach(async () => {
  decide('kill');
  for (const id of ids) await expect.poll(() => existsSync(join(held, `${id}.keeper`)), { timeout: 5000 }).toBe(false);
  await pod.remove(ids.filter((id) => existsSync(pod.folderOf(id))));
});
afterAll(async () => node.remove());

function variablesOf(id: string): Record<string, string> {
  return {
    KUBECTL_MIGRATE_SOCKET: node.entry(),
    KUBECTL_MIGRATE_CONTAINER: 'main',
    KUBECTL_MIGRATE_ID: id,
    KUBECTL_MIGRATE_HELD: held,
    KUBECTL_MIGRATE_LIMITS: '--cpu-quota 10000 --pids-limit 5',
    KUBECTL_MIGRATE_WORK: join(node.folder, 'work'),
    CALLS: join(node.folder, 'run/calls'),
    TRIAL: join(node.folder, 'run/trial'),
    ROOT: join(node.folder, 'root'),
    SPIN: join(node.folder, 'spin'),
    COUNTS: pod.countsOf(id),
    BOX: pod.folderOf(id),
    HOOK: `env ASAN_OPTIONS=detect_leaks=0 ${join(node.folder, 'hook')}`,
    PATH: process.env['PATH'] ?? '',
  };
}

/** The first of those who decide wins. */
function decide(word: 'go' | 'kill'): boolean {
  const draft = join(held, `.draft-${Math.random()}`);
  writeFileSync(draft, word);
  try {
    linkSync(draft, join(held, 'decision'));
    return true;
  } catch {
    return false;
  }
}

async function create(id: string): Promise<number> {
  await mkdir(pod.folderOf(id), { recursive: true });
  await node.bundleOf('container');
  return (await node.call(node.createCall(id))).code;
}

const exited = (id: string): string | undefined => lines.find((line) => line.startsWith(`exited\t${id}\t`));
const done = (id: string): string | undefined => lines.find((line) => line.startsWith(`done\t${id}\t`));

/** Restores containers up to where they are held. @returns how far each has counted */
async function holdAll(containers: readonly string[]): Promise<number[][]> {
  for (const id of containers) expect(await create(id)).toBe(0);
  for (const id of containers) await expect.poll(() => exited(id), { timeout: 10_000 }).toBe(`exited\t${id}\t0`);
  return containers.map((id) => pod.counts(id));
}

async function expectDead(containers: readonly string[], counts: number[][]): Promise<void> {
  for (const id of containers) await expect.poll(() => pod.members(id), { timeout: 10_000 }).toEqual([]);
  expect(containers.map((id) => pod.counts(id))).toEqual(counts);
}

async function expectRunning(containers: readonly string[], counts: number[][]): Promise<void> {
  for (const [index, id] of containers.entries()) {
    await expect
      .poll(() => pod.counts(id).map((count, at) => count > (counts[index]?.[at] ?? 0)), { timeout: 10_000 })
      .toEqual([true, true]);
  }
}

/** As the agent does it right before the commit: then one write lets all go. */
async function arm(containers: readonly string[]): Promise<void> {
  await pod.freeze(pod.folder);
  for (const id of containers) pod.order(pod.folderOf(id), false);
}

test('what is restored stands still, with nobody of the restore among it, until it is let go; then its limits are set', async () => {
  const counts = await holdAll(['c0ffee']);
  expect(pod.members('c0ffee')).toHaveLength(2);
  await delay(200);
  expect([pod.counts('c0ffee')]).toEqual(counts);
  expect(readFileSync(join(held, 'pod'), 'utf8').trim()).toBe(pod.folder);
  expect(decide('go')).toBe(true);
  await expectRunning(['c0ffee'], counts);
  await expect.poll(() => done('c0ffee')).toBe('done\tc0ffee\tgo\t');
  const calls = (await readFile(join(node.folder, 'run/calls'), 'utf8')).trim().split('\n');
  expect(calls).toEqual([
    `--root ${node.folder}/root restore --detach c0ffee`,
    `--root ${node.folder}/root update --cpu-quota 10000 --pids-limit 5 c0ffee`,
  ]);
  expect(existsSync(join(node.runDir, 'held/by-id/c0ffee'))).toBe(false);
});

test('a limit that cannot be set again is told', async () => {
  await node.setRuntime(restorer.replace('*) exit 0', '*) exit 4'));
  await holdAll(['c0ffee']);
  decide('go');
  await expect.poll(() => done('c0ffee')).toBe('done\tc0ffee\tgo\tits limits could not be set again: exit code 4');
});

test.each(['dead', 'stopped'])('when the agent is %s and its lease is over, all dies where it stands', async (state) => {
  const counts = await holdAll(ids);
  if (state === 'dead') node.silence();
  await delay(600);
  expect(pod.members('c0ffee')).toHaveLength(2);
  writeFileSync(join(held, 'deadline'), String(bootMs() - 1));
  await expectDead(ids, counts);
  expect(await readFile(join(held, 'decision'), 'utf8')).toBe('kill');
});

test('what the agent has decided is finished without it, also when it had armed the pod', async () => {
  const counts = await holdAll(ids);
  await arm(ids);
  await delay(300);
  expect(ids.map((id) => pod.counts(id))).toEqual(counts);
  node.silence();
  decide('go');
  await expectRunning(ids, counts);
});

test('an armed pod that is given up dies without an instruction', async () => {
  const counts = await holdAll(ids);
  await arm(ids);
  decide('kill');
  await expectDead(ids, counts);
  for (const id of ids) await expect.poll(() => done(id)).toBe(`done\t${id}\tkill\t`);
});

test('of a commit and a kill at the same moment one wins, and the whole pod follows it', async () => {
  const won = { go: 0, kill: 0 };
  // From a commit that cannot lose to one that cannot win.
  for (const headStartMs of [0, 4, 8, 12, 16, 20, 30, 1000]) {
    const counts = await holdAll(ids);
    await arm(ids);
    const killing = node.call(['kill', 'decaf', 'KILL']);
    if (headStartMs > 0) await delay(headStartMs);
    const isGo = decide('go');
    won[isGo ? 'go' : 'kill']++;
    if (isGo) {
      pod.order(pod.folder, false);
      await expectRunning(['c0ffee'], counts.slice(0, 1));
      await killing;
      for (const id of ids) for (const pid of pod.members(id)) process.kill(pid, 'SIGKILL');
    } else {
      await killing;
      await expectDead(ids, counts);
    }
    for (const id of ids) await expect.poll(() => done(id), { timeout: 5000 }).toMatch(isGo ? `done\t${id}\tgo` : `done\t${id}\tkill`);
    for (const id of ids) await expect.poll(() => pod.members(id)).toEqual([]);
    lines.splice(0);
    pod.order(pod.folder, false);
    for (const file of await readdir(held)) if (file !== 'deadline') await rename(join(held, file), join(node.folder, `old-${file}`));
  }
  expect(Math.min(won.go, won.kill)).toBeGreaterThan(0);
});

test('a container that somebody ends while it is held takes the pod with it', async () => {
  const counts = await holdAll(ids);
  for (const pid of pod.members('decaf')) process.kill(pid, 'SIGKILL');
  pod.order(pod.folderOf('decaf'), false);
  await expectDead(ids, counts);
  expect(await readFile(join(held, 'decision'), 'utf8')).toBe('kill');
});

test('a refusal at the second barrier ends what was restored before the runtime is told of it', async () => {
  let counts: number[] = [];
  onHook = (action, socket) => {
    if (action !== 'pre-resume') return void socket.write('ok\n');
    counts = pod.counts('c0ffee');
    socket.destroy();
  };
  expect(await create('c0ffee')).toBe(0);
  await expect.poll(() => exited('c0ffee'), { timeout: 10_000 }).toMatch(/^exited\tc0ffee\t[1-9]/);
  expect(pod.members('c0ffee')).toEqual([]);
  expect(pod.counts('c0ffee')).toEqual(counts);
});

test('when the runtime ends badly after the container stood still, nothing of the pod is left', async () => {
  const counts = await holdAll(['decaf']);
  await writeFile(join(node.folder, 'run/trial'), 'trial=fail-late\n');
  expect(await create('c0ffee')).toBe(0);
  await expect.poll(() => exited('c0ffee'), { timeout: 10_000 }).toBe('exited\tc0ffee\t3');
  expect(pod.members('c0ffee')).toEqual([]);
  await expectDead(['decaf'], counts);
  expect(await readFile(join(held, 'decision'), 'utf8')).toBe('kill');
});

test('a restore that hangs is ended whole when the migration is given up', async () => {
  await writeFile(join(node.folder, 'run/trial'), 'trial=hang\n');
  expect(await create('c0ffee')).toBe(0);
  await expect.poll(() => pod.members('c0ffee').length).toBe(3);
  decide('kill');
  await expect.poll(() => exited('c0ffee'), { timeout: 10_000 }).toMatch(/^exited\tc0ffee\t[1-9]/);
  expect(pod.members('c0ffee')).toEqual([]);
});

test('in a pod with one PID namespace the keeper takes CRIU out of the cgroup', async () => {
  await node.setRuntime(restorer.replaceAll('$HOOK ||', 'unshare --pid --fork $HOOK ||'));
  const counts = await holdAll(['c0ffee']);
  expect(pod.members('c0ffee')).toHaveLength(2);
  decide('go');
  await expectRunning(['c0ffee'], counts);
});

test('what a runtime and a CRIU that ended badly left mounted is taken away', async () => {
  await writeFile(join(node.folder, 'run/trial'), 'trial=mounts\n');
  await create('c0ffee');
  await expect.poll(() => exited('c0ffee'), { timeout: 10_000 }).toBe('exited\tc0ffee\t5');
  const left = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(node.folder));
  for (const line of left) await must(['umount', '-l', line.split(' ')[4] ?? '']);
  expect(left).toEqual([]);
  expect(pod.members('c0ffee')).toEqual([]);
});

test('a pod one of whose keepers was killed can still be ended as a whole', async () => {
  const counts = await holdAll(ids);
  const [init = 0] = pod.members('c0ffee');
  const keeper = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1];
  process.kill(Number(keeper), 'SIGKILL');
  expect((await node.call(['kill', 'c0ffee', 'KILL'])).code).toBe(0);
  await expectDead(ids, counts);
  await rm(join(held, 'c0ffee.keeper'));
});
