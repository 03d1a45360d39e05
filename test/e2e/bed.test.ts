import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runIn, whatIsMissing } from '../../bed/bed.ts';
import { cgroupMembers } from '../../bed/cgroups.ts';
import { networkOf, nodeNamed, prefix, stateDir } from '../../bed/layout.ts';
import { networkNamespaces } from '../../bed/network.ts';
import { isAlive, recordedProcesses } from '../../bed/processes.ts';
import { must, run } from '../../build/run.ts';
import { startPod } from './cluster.ts';
import { containerIdOf, podOf } from './pods.ts';

const main = join(import.meta.dirname, '../../bed/main.ts');
const bed = (...args: readonly string[]): string[] => [process.execPath, main, ...args];

test('run hands through the three streams and the exit code, in a place with both clusters', async () => {
  const script = 'read word; echo "$word"; echo aside >&2; kubectl config get-contexts -o name; kubectl config current-context; exit 7';
  const result = await run(bed('run', '--', 'sh', '-c', script), { input: 'told\n' });
  expect(result).toEqual({ code: 7, stdout: 'told\naway\nhome\nhome\n', stderr: 'aside\n' });
});

test('run hands signals on, and gives back what the command makes of them', async () => {
  const [program = '', ...args] = bed('run', '--', 'sh', '-c', 'trap "exit 9" TERM; echo ready; while true; do sleep 0.1; done');
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([9, null]);
});

test('a machine that lacks something is told all of it, each with its cure', async () => {
  const { code, stderr } = await run(bed('up'), { env: { PATH: '/nowhere' } });
  expect(code).toBe(1);
  expect(stderr).toContain('Go is not in PATH');
  expect(stderr).toContain('install Go');
  expect(stderr).toContain('use a Debian-like machine, or name an unpacked tree in KUBECTL_MIGRATE_BED_TREE');
});

test('the link between the clusters is as slow as one wants it, until that is lifted', async () => {
  const [home, away] = [nodeNamed('home-1'), nodeNamed('away-1')];
  const inNetworkOf = (node: typeof home, script: string): string[] => [
    'nsenter',
    `--net=/run/netns/${networkOf(node)}`,
    '--',
    process.execPath,
    '-e',
    script,
  ];
  const receive =
    'require("net").createServer((s) => { s.resume(); s.on("end", () => { console.log(s.bytesRead); process.exit() }) }).listen(9999, () => console.log("listening"))';
  const send = `require("net").connect(9999, "${away.address}").end(Buffer.alloc(2 << 20))`;
  const sendMs = async (): Promise<number> => {
    const [program = '', ...args] = inNetworkOf(away, receive);
    const receiver = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(receiver.stdout, 'data');
    const start = performance.now();
    const [received] = (await Promise.all([once(receiver.stdout, 'data'), must(inNetworkOf(home, send))]))[0] as [Buffer];
    expect(Number(received)).toBe(2 << 20);
    return performance.now() - start;
  };
  try {
    await must(bed('link', '8mbit', '50ms'));
    const slow = await sendMs();
    await must(bed('link', 'none'));
    // Two megabytes, less what the bucket holds, are 14 Mbit.
    expect(slow).toBeGreaterThan(1_500);
    expect(await sendMs()).toBeLessThan(slow);
  } finally {
    await must(bed('link', 'none'));
  }
});

test('the tools that people use are there, with this checkout as kubectl-migrate', async () => {
  const result = await runIn([
    'sh',
    '-c',
    'kubectl version --client >&2 && liqoctl version --client >&2 && helm version >&2 && krew version >&2 && kubectl migrate --help',
  ]);
  expect(result.code).toBe(0);
  expect(result.stdout).toContain('kubectl migrate (POD');
});

test('a second up changes nothing that runs', async () => {
  const before = await recordedProcesses();
  await must(bed('up'));
  expect(await recordedProcesses()).toEqual(before);
});

test('the monotonic clock of one node is far from the others', async () => {
  const uptime = async (node: string): Promise<number> =>
    Number((await must(bed('node', node, '--', 'cat', '/proc/uptime'))).split('.')[0]);
  expect((await uptime('away-2')) - (await uptime('away-1'))).toBeGreaterThan(400_000);
});

test('the runtime of one node is not where the others have theirs', async () => {
  const inUse = async (node: string): Promise<string> =>
    (await run(bed('node', node, '--', 'sh', '-c', 'cat /run/containerd/io.containerd.runtime.v2.task/k8s.io/*/options.json'))).stdout;
  expect(await inUse('away-2')).toContain('runc-of-this-node');
  expect(await inUse('away-1')).not.toContain('runc-of-this-node');
});

test('a bed whose processes have all died, and an up that was killed midway, are found, cleared away and made again', async () => {
  const processes = await recordedProcesses();
  for (const { pid } of processes) process.kill(pid, 'SIGKILL');
  await expect.poll(whatIsMissing).toMatch(/dead: .*away-apiserver.*home-scheduler/);
  expect((await run(bed('status'))).code).toBe(1);
  const child = spawn(process.execPath, [main, 'up'], { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise<void>((resolve) =>
    child.stderr.on('data', (text: Buffer) => (text.includes('Images onto the nodes …') ? resolve() : undefined)),
  );
  child.kill('SIGKILL');
  expect(processes.filter(isAlive)).toEqual([]);
  expect((await recordedProcesses()).filter(isAlive).length).toBeGreaterThan(5);
  await must(bed('up'));
  expect(await whatIsMissing()).toBeUndefined();
});

// The last one: nothing is up after it.
test('down leaves nothing at all, not even a pod that stands frozen', async () => {
  const pod = await startPod(podOf('frozen', ['ticker', '1', '20']));
  const id = containerIdOf(pod);
  const node = bed('node', 'home-1', '--', 'ctr', '-n', 'k8s.io', 'task');
  await must([...node, 'pause', id]);
  expect(await must([...node, 'ls'])).toMatch(new RegExp(`^${id} .*PAUSED`, 'm'));
  await must(bed('down'));
  expect(await leftovers()).toEqual([]);
});

/** Everything on this machine that carries the bed's name, and not that of another bed beside it. */
async function leftovers(): Promise<string[]> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${stateDir}/`));
  const cgroups = readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.split('/').at(-1)?.startsWith(`${prefix}-`),
  );
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(`${stateDir}/`));
  return [
    ...(await networkNamespaces()),
    ...mounts,
    ...cgroups,
    ...cgroupMembers().map(String),
    ...processes,
    ...(existsSync(stateDir) ? [stateDir] : []),
  ];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}
